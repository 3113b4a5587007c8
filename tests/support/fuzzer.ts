// Feeds broken streams to every decoder. An input is a recorded connection with one or both of its
// directions damaged, cut into chunks of its own, read by the decoder of its port or of another;
// and a window of damaged bytes given to each reader that takes bytes. Nothing but a Fault may come
// out, what is decoded must dissect without gap, nothing may take long, and no memory may be had
// for a length that is only claimed. An input depends on seed and number only, so each can be run
// again.

import { Fault } from "../../lib/base/errors.ts";
import { Input } from "../../lib/codec/input.ts";
import { clientCodecs } from "../../lib/records/client.ts";
import { dataCodecs } from "../../lib/records/data.ts";
import { diskCodecs } from "../../lib/records/disk.ts";
import { electionCodecs } from "../../lib/records/election.ts";
import { quorumCodecs } from "../../lib/records/quorum.ts";
import { txnCodecs } from "../../lib/records/txn.ts";
import { PacketType } from "../../lib/txn/opcodes.ts";
import { decodeTxn } from "../../lib/txn/txn.ts";
import { parseReply, parseRequest } from "../../lib/wire/client.ts";
import { readInitialMessage, readNotification } from "../../lib/wire/election.ts";
import { dissectMessage, encodeMessage } from "../../lib/wire/message.ts";
import { readPayload } from "../../lib/wire/payloads.ts";
import { capturedVersions, loadCapture } from "./captures.ts";
import { converse } from "./conversation.ts";
import { Seeded } from "./generate.ts";

type Port = "client" | "election" | "quorum" | "4lw";

interface Recorded {
  readonly where: string;
  readonly port: Port;
  readonly pieces: readonly Piece[];
}

interface Piece {
  readonly from: "up" | "down";
  readonly bytes: Uint8Array;
}

export interface FuzzReport {
  inputs: number;
  bytes: number;
  messages: number;
  /** Inputs that ended with each code of Fault; windows are not counted. */
  readonly faults: Map<string, number>;
  slowestMs: number;
  slowestInput: number;
}

const PORTS: readonly Port[] = ["client", "election", "quorum"];
/** Longer connections are used from their start up to this. */
const STREAM_MAX = 6000;
const INPUT_MS_MAX = 2000;
/** What may be allocated beside what the input itself accounts for. */
const ALLOCATION_MAX = 1 << 16;
const HOSTILE = [
  -1,
  -2,
  0,
  1,
  0x7fffffff,
  -0x80000000,
  0x00ffffff,
  0x000fffff,
  2097151,
  28,
  36,
  40,
];

const CODECS = [
  ...clientCodecs,
  ...dataCodecs,
  ...diskCodecs,
  ...electionCodecs,
  ...quorumCodecs,
  ...txnCodecs,
];

/** An input that broke a promise: how to run it again is in the message. */
export class FuzzFailure extends Error {
  override readonly name = "FuzzFailure";
}

export class Fuzzer {
  readonly report: FuzzReport = {
    inputs: 0,
    bytes: 0,
    messages: 0,
    faults: new Map(),
    slowestMs: 0,
    slowestInput: 0,
  };
  readonly #seed: number;
  readonly #corpus: readonly Recorded[];

  readonly #extra: (window: Uint8Array) => unknown;

  /** `extra` is one more reader of windows, beside those of the product. */
  constructor(seed: number, extra: (window: Uint8Array) => unknown = () => null) {
    this.#seed = seed;
    this.#corpus = loadCorpus();
    this.#extra = extra;
  }

  /** Runs one input. Throws {@link FuzzFailure}. */
  run(number: number): void {
    this.report.inputs += 1;
    if (this.#once(number) <= INPUT_MS_MAX) return;
    // The machine may have stood still; an input that is slow is slow every time.
    const took = this.#once(number);
    if (took <= INPUT_MS_MAX) return;
    throw new FuzzFailure(`seed ${this.#seed} input ${number} took ${Math.round(took)} ms`);
  }

  /** Gives the milliseconds that it took. */
  #once(number: number): number {
    const random = new Seeded(Math.imul(this.#seed, 0x01000193) ^ number);
    const recorded = random.pick(this.#corpus);
    const port = random.below(10) === 0 ? random.pick(PORTS) : recorded.port;
    const pieces = this.#damage(recorded.pieces, random);
    const size = pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
    const started = performance.now();
    try {
      watchAllocations(ALLOCATION_MAX + 8 * size, () => {
        this.#converse(port, pieces, random);
        readWindow(random.pick(pieces).bytes, random, this.#extra);
      });
    } catch (error) {
      const what = error instanceof Error ? error.stack : String(error);
      throw new FuzzFailure(
        `seed ${this.#seed} input ${number} (${recorded.where} as ${port}): ${what}`,
      );
    }
    const took = performance.now() - started;
    this.report.bytes += size;
    if (took > this.report.slowestMs) {
      this.report.slowestMs = took;
      this.report.slowestInput = number;
    }
    return took;
  }

  #converse(port: Port, pieces: readonly Piece[], random: Seeded): void {
    const conversation = converse(port);
    try {
      for (const { from, bytes } of pieces) {
        for (const chunk of cut(bytes, random)) {
          for (const { message, bytes } of conversation.push(from, chunk)) {
            if (message.kind === "undecoded") {
              this.#count(message.why.code);
              continue;
            }
            this.report.messages += 1;
            checkSpans(dissectMessage(message, bytes), bytes.length);
            encodeMessage(message);
          }
        }
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#count(error.code);
    }
  }

  #count(code: string): void {
    this.report.faults.set(code, (this.report.faults.get(code) ?? 0) + 1);
  }

  #damage(pieces: readonly Piece[], random: Seeded): Piece[] {
    const other = random.pick(this.#corpus).pieces;
    const damaged = [...pieces];
    for (let hits = 1 + random.below(3); hits > 0; hits--) {
      const index = random.below(damaged.length);
      const { from, bytes } = damaged[index];
      damaged[index] = { from, bytes: mutate(bytes, random, random.pick(other).bytes) };
    }
    return damaged;
  }
}

function loadCorpus(): Recorded[] {
  return capturedVersions().flatMap((version) =>
    loadCapture(version).connections.flatMap((connection): Recorded[] => {
      const chunks = [
        ...connection.up.map((chunk) => ({ from: "up" as const, ...chunk })),
        ...connection.down.map((chunk) => ({ from: "down" as const, ...chunk })),
      ].sort((a, b) => a.at - b.at);
      let size = 0;
      const pieces = chunks.filter((chunk) => (size += chunk.bytes.length) <= STREAM_MAX);
      if (pieces.length === 0) return [];
      // Connections for a word are many and all alike.
      if (connection.kind === "4lw" && connection.id % 16 !== 0) return [];
      const where = `${version} ${connection.kind} connection ${connection.id}`;
      return [{ where, port: connection.kind, pieces }];
    })
  );
}

function mutate(bytes: Uint8Array, random: Seeded, other: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  const length = random.below(random.pick([2, 5, 17, bytes.length + 1]));
  const before = bytes.subarray(0, at);
  const after = bytes.subarray(at);
  switch (random.below(8)) {
    case 0: // a bit
      return patched(bytes, at, (old) => old ^ (1 << random.below(8)));
    case 1: // a byte
      return patched(bytes, at, () => random.below(256));
    case 2: // a hostile length, where one might stand
    case 3: {
      const copy = bytes.slice();
      if (at + 4 > copy.length) return copy;
      new DataView(copy.buffer).setInt32(at, random.pick(HOSTILE));
      return copy;
    }
    case 4: // an end
      return bytes.slice(0, at);
    case 5: // a hole
      return concat(before, after.subarray(length));
    case 6: // a repetition
      return concat(before, bytes.subarray(at, at + length), after);
    default: { // foreign bytes
      const start = random.below(other.length + 1);
      return concat(before, other.subarray(start, start + length), after);
    }
  }
}

function patched(bytes: Uint8Array, at: number, change: (old: number) => number): Uint8Array {
  const copy = bytes.slice();
  if (at < copy.length) copy[at] = change(copy[at]);
  return copy;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function* cut(bytes: Uint8Array, random: Seeded): Generator<Uint8Array> {
  const most = random.pick([1, 7, 100, bytes.length + 1]);
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random.below(most);
    yield bytes.slice(at, at + length);
    at += length;
  }
}

/** Gives a stretch of bytes to every reader that takes bytes. */
function readWindow(
  bytes: Uint8Array,
  random: Seeded,
  extra: (window: Uint8Array) => unknown,
): void {
  const start = random.below(bytes.length + 1);
  const window = bytes.slice(start, start + random.below(200));
  const type = random.below(21);
  const from = random.below(2) === 0 ? "leader" : "learner";
  const readers: (() => unknown)[] = [
    () => extra(window),
    () => decodeTxn(window.slice()),
    () => parseRequest(window),
    () => parseReply(window, random.below(110) - 12),
    () => readInitialMessage(window),
    () => readNotification(window),
    () => readPayload({ type, zxid: 0n, data: window, authinfo: null }, from),
    () => readPayload({ type: PacketType.REQUEST, zxid: 0n, data: window, authinfo: null }, from),
    () => random.pick(CODECS).read(new Input(window)),
    () => random.pick(CODECS).read(new Input(window)),
  ];
  for (const read of readers) {
    try {
      read();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }
}

function checkSpans(spans: readonly { start: number; end: number; path: string }[], size: number) {
  let at = 0;
  for (const span of spans) {
    if (span.start !== at) throw new Error(`${span.path} starts at ${span.start}, not at ${at}`);
    at = span.end;
  }
  if (at !== size) throw new Error(`fields end at ${at} of ${size}`);
}

/** Runs `task` while every array of bytes that is asked for by length is held against a limit. */
function watchAllocations(limit: number, task: () => void): void {
  const real = globalThis.Uint8Array;
  globalThis.Uint8Array = new Proxy(real, {
    construct(target, args, newTarget) {
      if (typeof args[0] === "number" && args[0] > limit) {
        throw new Error(`${args[0]} bytes are allocated for an input of ${limit / 8}`);
      }
      return Reflect.construct(target, args, newTarget);
    },
  });
  try {
    task();
  } finally {
    globalThis.Uint8Array = real;
  }
}
