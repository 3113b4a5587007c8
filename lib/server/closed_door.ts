// What clients find while there is no role: four-letter words are answered, everything else is
// closed without a word (client.md 2.3 step 1, operations.md 2.1).
//
// Must agree with NIOServerCnxn.readLength when the server is not running.

import { Buffer } from "node:buffer";
import { isFourLetterWord, STMK_MASK_BYTES, TELNET_CLOSE } from "../wire/client.ts";
import { FrameSplitter } from "../wire/frames.ts";
import type { ClientConn } from "./request.ts";

/** The word a connection starts with; null: none, or undefined: too few bytes to tell. */
export function wordOf(
  frames: FrameSplitter,
): { readonly word: string; readonly mask: bigint | null } | null | undefined {
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

/** One connection at the closed door. */
export class Caller {
  readonly client: ClientConn;
  readonly frames: FrameSplitter;
  isDone = false;

  constructor(client: ClientConn, frameLimit: number) {
    this.client = client;
    this.frames = new FrameSplitter(frameLimit);
  }
}

export class ClosedDoor {
  readonly #word: (word: string, mask: bigint | null) => string;
  readonly #frameLimit: number;
  readonly #callers = new Set<Caller>();

  /** `word` answers four-letter words. */
  constructor(word: (word: string, mask: bigint | null) => string, frameLimit: number) {
    this.#word = word;
    this.#frameLimit = frameLimit;
  }

  accept(client: ClientConn): Caller {
    const caller = new Caller(client, this.#frameLimit);
    this.#callers.add(caller);
    return caller;
  }

  bytes(caller: Caller, chunk: Uint8Array): void {
    if (caller.isDone) return;
    caller.frames.push(chunk);
    const asked = wordOf(caller.frames);
    if (asked === undefined) return;
    if (asked !== null) {
      caller.client.send(Buffer.from(this.#word(asked.word, asked.mask), "utf8"));
    }
    this.#end(caller);
  }

  closed(caller: Caller): void {
    caller.isDone = true;
    this.#callers.delete(caller);
  }

  /** A role begins: those who have not said anything must come again. */
  stop(): void {
    for (const caller of [...this.#callers]) this.#end(caller);
  }

  #end(caller: Caller): void {
    if (caller.isDone) return;
    caller.isDone = true;
    caller.client.close();
  }
}
