// The decoder as an iterable: messages and stories out of the bytes of a capture, in order.

import { type CaptureFacts, Decoder, type DecoderOptions } from "./decoder.ts";
import type { Decoded } from "./message.ts";
import { gunzip, isGzip } from "./pcap.ts";

/**
 * Decodes a capture: the bytes of a pcap or pcapng file (also gzip), whole or in chunks of any size
 * (then not gzip). Yields {@link Message}s and {@link Story}s as they become known; what was held
 * back until the end comes last. Returns what the capture was like. The bytes in messages are
 * copies. Faults: BAD_MAGIC, CORRUPT.
 *
 * ```ts
 * for (const decoded of decodeCapture(readFileSync("sick.pcap"))) {
 *   if (decoded.type === "message" && decoded.error) console.log(decoded.path, decoded.error);
 * }
 * ```
 */
export function* decodeCapture(
  capture: Uint8Array | Iterable<Uint8Array>,
  options: DecoderOptions = {},
): Generator<Decoded, CaptureFacts> {
  let ready: Decoded[] = [];
  const take = (decoded: Decoded): void => {
    ready.push(decoded);
  };
  const decoder = new Decoder({ message: take, story: take }, null, options);
  const chunks = capture instanceof Uint8Array ? slices(capture) : capture;
  for (const chunk of chunks) {
    decoder.push(chunk);
    const batch = ready;
    ready = [];
    yield* batch;
  }
  decoder.end();
  yield* ready;
  return decoder.facts();
}

/** Pieces that keep the number of messages waiting to be yielded small. */
function* slices(capture: Uint8Array): Generator<Uint8Array> {
  const bytes = isGzip(capture) ? gunzip(capture) : capture;
  for (let at = 0; at < bytes.length; at += 1 << 18) yield bytes.subarray(at, at + (1 << 18));
}
