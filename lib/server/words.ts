// Four-letter words as they come in: the first four bytes of a connection, where the length of a
// connect request would stand (client.md 2.1, operations.md 2.1). lib/admin knows the answers.
//
// Must agree with NIOServerCnxn.checkFourLetterWord.

import { isFourLetterWord, STMK_MASK_BYTES, TELNET_CLOSE } from "../wire/client.ts";
import type { FrameSplitter } from "../wire/frames.ts";

export interface AskedWord {
  readonly word: string;
  /** Only with `stmk`. */
  readonly mask: bigint | null;
}

/** The word a connection starts with; null: it is none; undefined: too few bytes to tell. */
export function wordOf(frames: FrameSplitter): AskedWord | null | undefined {
  const { queue } = frames;
  if (queue.size < 4) return undefined;
  if (queue.intAt(0) === TELNET_CLOSE) return { word: "telnet close", mask: null };
  const word = frames.peekWord();
  if (!isFourLetterWord(word)) return null;
  if (word !== "stmk") return { word, mask: null };
  if (queue.size < 4 + STMK_MASK_BYTES) return undefined;
  const low = BigInt.asUintN(32, BigInt(queue.intAt(8)));
  return { word, mask: (BigInt(queue.intAt(4)) << 32n) | low };
}
