// Seeded random values of any shape, for laws that must hold for all of them. Edge values come up
// often. Text has no surrogates unless asked for: those do not survive a round trip in Java either
// (client.md 1.3).

import { type FieldType, isShape, isVector, type Primitive } from "../../lib/codec/shape.ts";

/** The same seed gives the same draws on every runtime. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0;
  }

  /** Uniform in [0, 2^32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return (z ^ (z >>> 14)) >>> 0;
  }

  /** Uniform in [0, n). */
  below(n: number): number {
    return Math.floor(this.next() / 0x100000000 * n);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() & 0xff);
  }
}

const INTS = [0, 1, -1, 5, 0x7fffffff, -0x80000000, 0x100, -2];
const LONGS = [
  0n,
  1n,
  -1n,
  0x500000007n,
  (1n << 53n) - 1n,
  1n << 53n,
  -(1n << 53n),
  0x7fffffffffffffffn,
  -0x8000000000000000n,
  -0xff0000000000n,
];
const DOUBLES = [0, -0, 1.5, Infinity, -Infinity, NaN, 5e-324];
const TEXTS = [
  "",
  "/",
  "/zookeeper/config",
  "a\u0000b",
  "\u007f\u0080\u07ff\u0800\uffff",
  "größe/漢字",
  "/".padEnd(23, "x"),
  "/".padEnd(24, "x"),
  "/".padEnd(25, "x"),
  "/".padEnd(64, "y"),
  "/".padEnd(65, "y"),
  "/".padEnd(70, "ü"),
  "/long".padEnd(300, "z"),
];

/** A value as a reader of this type gives it. */
export function generate(type: FieldType, random: Seeded): unknown {
  if (isShape(type)) {
    return Object.fromEntries(type.fields.map(([name, field]) => [name, generate(field, random)]));
  }
  if (isVector(type)) {
    const length = random.pick([-1, 0, 1, 1, 2, 3]);
    return length < 0 ? null : Array.from({ length }, () => generate(type.vector, random));
  }
  return generatePrimitive(type, random);
}

function generatePrimitive(type: Primitive, random: Seeded): unknown {
  const edge = random.below(2) === 0;
  switch (type) {
    case "boolean":
      return edge;
    case "byte":
      return random.below(256) - 128;
    case "int":
      return edge ? random.pick(INTS) : random.next() | 0;
    case "long":
      return edge
        ? random.pick(LONGS)
        : BigInt.asIntN(64, (BigInt(random.next()) << 32n) | BigInt(random.next()));
    case "float":
      return edge ? Math.fround(random.pick(DOUBLES)) : Math.fround(random.next());
    case "double":
      return edge ? random.pick(DOUBLES) : random.next() / 3;
    case "buffer":
      return edge
        ? random.pick([null, new Uint8Array(0), new Uint8Array(16)])
        : random.bytes(random.below(80));
    case "ustring":
      return edge ? random.pick([null, ...TEXTS]) : generateText(random);
  }
}

function generateText(random: Seeded): string {
  const length = random.below(40);
  return Array.from({ length }, () => {
    const unit = random.below(random.pick([0x80, 0x800, 0x10000]));
    return String.fromCharCode(unit >= 0xd800 && unit < 0xe000 ? 0x41 : unit);
  }).join("");
}
