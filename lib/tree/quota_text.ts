// The text of quota limits and usage (client.md 4.9): `count=3,bytes=40=;byteHardLimit=100`. The
// extra `=` keeps the parsers of 3.6 and older from failing on the keys that came later.
//
// Must agree with Java's StatsTrack in what is written and in what cannot be read.

import { Buffer } from "node:buffer";

const COUNT = "count";
const BYTES = "bytes";
const COUNT_HARD = "countHardLimit";
const BYTES_HARD = "byteHardLimit";
const NUMBER = /^[+-]?[0-9]+$/;
const LONG_MAX = 0x7fffffffffffffffn;

/** Keys and values; what is missing counts as −1, which means no limit. */
export class QuotaText {
  readonly #values = new Map<string, bigint>();

  /** Reads a node's data; null when it makes no sense. */
  static parse(data: Uint8Array | null): QuotaText | null {
    if (data === null) return null;
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8");
    const parsed = new QuotaText();
    if (text === "") return parsed;
    const pairs = text.split(/[,;]+/);
    while (pairs.length > 0 && pairs[pairs.length - 1] === "") pairs.pop();
    for (const pair of pairs) {
      const parts = pair.split("=");
      while (parts.length > 0 && parts[parts.length - 1] === "") parts.pop();
      if (parts.length < 2) return null;
      const value = parts[1] === "" ? -1n : longOf(parts[1]);
      if (value === null) return null;
      parsed.#values.set(parts[0], value);
    }
    return parsed;
  }

  static usage(count: number, bytes: number): QuotaText {
    const text = new QuotaText();
    text.count = BigInt(count);
    text.bytes = BigInt(bytes);
    return text;
  }

  get count(): bigint {
    return this.#values.get(COUNT) ?? -1n;
  }

  set count(value: bigint) {
    this.#values.set(COUNT, BigInt.asIntN(64, value));
  }

  get bytes(): bigint {
    return this.#values.get(BYTES) ?? -1n;
  }

  set bytes(value: bigint) {
    this.#values.set(BYTES, BigInt.asIntN(64, value));
  }

  get countHardLimit(): bigint {
    return this.#values.get(COUNT_HARD) ?? -1n;
  }

  get byteHardLimit(): bigint {
    return this.#values.get(BYTES_HARD) ?? -1n;
  }

  toString(): string {
    const others = [...this.#values.keys()].filter((key) => key !== COUNT && key !== BYTES).sort();
    const tail = others.map((key) => `;${key}=${this.#values.get(key)}`).join("");
    return `count=${this.count},bytes=${this.bytes}${others.length > 0 ? "=" : ""}${tail}`;
  }

  toBytes(): Uint8Array {
    return new Uint8Array(Buffer.from(this.toString(), "utf8"));
  }
}

function longOf(text: string): bigint | null {
  if (!NUMBER.test(text)) return null;
  const value = BigInt(text.replace("+", ""));
  return value > LONG_MAX || value < -LONG_MAX - 1n ? null : value;
}

/**
 * Whether servers of every release can read this as limits or usage. The parser of 3.6 and older
 * wants two parts between commas, a count that fits an int and then the bytes.
 */
export function isLegibleToAll(data: Uint8Array | null): boolean {
  if (data === null || QuotaText.parse(data) === null) return false;
  const [count = "", bytes = "", ...more] = new TextDecoder().decode(data).split(",");
  const value = (part: string): bigint | null => longOf(part.split("=")[1] ?? "");
  const counted = value(count);
  return more.every((part) => part === "") && value(bytes) !== null &&
    counted !== null && BigInt.asIntN(32, counted) === counted;
}
