// Recorded captures as frames, and what of their streams a damaged copy still holds: the independent
// account that the decoder's account is compared with.

import type { Decoded, Message } from "../../lib/capture/message.ts";
import { decodeCapture } from "../../lib/capture/iterate.ts";
import { Buffer } from "node:buffer";
import type { CaptureFacts } from "../../lib/capture/decoder.ts";
import type { Frame } from "./capture_build.ts";

/** The frames of a little-endian microsecond capture of Ethernet. */
export function framesOf(file: Uint8Array): Frame[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const base = view.getUint32(24, true);
  const frames: Frame[] = [];
  for (let at = 24; at < file.length;) {
    const time = (view.getUint32(at, true) - base) * 1e9 + view.getUint32(at + 4, true) * 1000;
    const length = view.getUint32(at + 8, true);
    frames.push({ time, bytes: file.subarray(at + 16, at + 16 + length) });
    at += 16 + length;
  }
  return frames;
}

/** Everything a capture decodes to. */
export interface Account {
  readonly messages: readonly Message[];
  readonly decoded: readonly Decoded[];
  readonly facts: CaptureFacts;
}

export function decodeAll(capture: Uint8Array): Account {
  const decoded: Decoded[] = [];
  const run = decodeCapture(capture);
  for (;;) {
    const next = run.next();
    if (next.done === true) {
      const messages = decoded.filter((one) => one.type === "message");
      return { decoded, messages, facts: next.value };
    }
    decoded.push(next.value);
  }
}

interface Segment {
  readonly key: string;
  readonly seq: number;
  readonly isSyn: boolean;
  readonly captured: number;
}

/** `from|to` and the payload of a frame; null when its headers are not all there. */
function segmentOf(frame: Frame): Segment | null {
  const { bytes } = frame;
  if (bytes.length < 54) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tcp = 14 + (bytes[14] & 15) * 4;
  const data = tcp + (bytes[tcp + 12] >> 4) * 4;
  if (bytes.length < tcp + 20) return null;
  const address = (at: number) => [0, 1, 2, 3].map((i) => bytes[at + i]).join(".");
  const from = `${address(26)}:${view.getUint16(tcp)}`;
  const to = `${address(30)}:${view.getUint16(tcp + 2)}`;
  const end = Math.min(bytes.length, 14 + view.getUint16(16));
  return {
    key: `${from}|${to}`,
    seq: view.getUint32(tcp + 4),
    isSyn: (bytes[tcp + 13] & 2) !== 0,
    captured: Math.max(0, end - data),
  };
}

/** Which bytes of each stream a set of frames holds; offsets count from the byte after the SYN. */
export class Presence {
  readonly #first: Map<string, number>;
  readonly #marks = new Map<string, Uint8Array>();
  readonly #again = new Set<string>();

  /** `frames` may be damaged; `whole` are the undamaged ones, which tell where streams begin. */
  constructor(frames: readonly Frame[], whole: readonly Frame[]) {
    this.#first = new Map();
    for (const frame of whole) {
      const segment = segmentOf(frame);
      if (segment?.isSyn !== true) continue;
      const first = (segment.seq + 1) >>> 0;
      const known = this.#first.get(segment.key);
      // Ports used again: two streams of one name cannot be told apart here.
      if (known !== undefined && known !== first) this.#again.add(segment.key);
      this.#first.set(segment.key, first);
    }
    for (const frame of frames) this.#mark(frame);
  }

  #mark(frame: Frame): void {
    const segment = segmentOf(frame);
    if (segment === null || segment.captured === 0) return;
    const first = this.#first.get(segment.key);
    if (first === undefined || this.#again.has(segment.key)) return;
    const offset = (segment.seq - first) | 0;
    if (offset < 0 || offset > 1 << 24) return;
    let marks = this.#marks.get(segment.key) ?? new Uint8Array(1024);
    const end = offset + segment.captured;
    if (end > marks.length) {
      const wider = new Uint8Array(Math.max(end, marks.length * 2));
      wider.set(marks);
      marks = wider;
    }
    marks.fill(1, offset, end);
    this.#marks.set(segment.key, marks);
  }

  has(key: string, start: number, end: number): boolean {
    const marks = this.#marks.get(key);
    if (marks === undefined || end > marks.length) return false;
    return marks.subarray(start, end).every((mark) => mark === 1);
  }

  /** Bytes present, and bytes missing before the last one present, over all streams. */
  get totals(): { present: number; holes: number } {
    let [present, holes] = [0, 0];
    for (const marks of this.#marks.values()) {
      const last = marks.lastIndexOf(1);
      const count = marks.subarray(0, last + 1).reduce((sum, mark) => sum + mark, 0);
      present += count;
      holes += last + 1 - count;
    }
    return { present, holes };
  }
}

/** A message of the undamaged capture with its place in its stream. */
export interface Placed {
  readonly message: Message;
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

/** Places of all messages: one decodes all bytes, so sizes add up to offsets. */
export function placesOf(messages: readonly Message[]): Placed[] {
  const next = new Map<string, number>();
  const streams = new Map<string, number>();
  const placed: Placed[] = [];
  for (const message of messages) {
    const key = `${message.from}|${message.to}`;
    const known = streams.get(key);
    if (known !== undefined && known !== message.connection) continue; // ports used again
    streams.set(key, message.connection);
    const start = next.get(key) ?? 0;
    next.set(key, start + message.size);
    placed.push({ message, key, start, end: start + message.size });
  }
  return placed;
}

/** What makes two messages the same bytes in the same stream. */
export const identity = (message: Message): string =>
  `${message.from}|${message.to}|${Buffer.from(message.bytes).toString("latin1")}`;
