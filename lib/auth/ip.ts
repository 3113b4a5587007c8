// Addresses in access lists (client.md 5.5): `address[/bits]`, IPv4 or IPv6, and the textual form
// under which a connection is known.
//
// Must agree with Java's IPAuthenticationProvider of 3.9.4 and later, and for the caller's side
// with InetAddress.getHostAddress.

const V4_BYTES = 4;
const V6_BYTES = 16;
const V6_GROUPS = 8;
const GROUP_DIGITS = 4;
const MAPPED_PREFIX = "::ffff:";

export interface IpRange {
  readonly bytes: readonly number[];
  /** How many bits count. */
  readonly bits: number;
}

/** Whether `text` may stand in an access list: an address, with or without a number of bits. */
export function isValidRange(text: string): boolean {
  return parseRange(text) !== null;
}

/** Whether the address of a caller is in the range of an access list. */
export function isInRange(address: string, range: string): boolean {
  const parsed = parseRange(range);
  const caller = parseAddress(address);
  if (parsed === null || caller === null || caller.length !== parsed.bytes.length) return false;
  const ranges = new IpRanges();
  ranges.add(parsed, 1);
  return ranges.granted(caller) !== 0;
}

/** Ranges of one family, of IPv4 or IPv6, maybe very many, asked about one address after another. */
export class IpRanges {
  /** In words of 32 bits: as many for each range as an address has. */
  readonly #nets: number[] = [];
  readonly #masks: number[] = [];
  readonly #perms: number[] = [];

  add({ bytes, bits }: IpRange, perms: number): void {
    wordsOf(bytes).forEach((word, index) => {
      const own = Math.min(Math.max(bits - 32 * index, 0), 32);
      const mask = own === 0 ? 0 : -1 << (32 - own);
      this.#masks.push(mask);
      this.#nets.push(word & mask);
    });
    this.#perms.push(perms);
  }

  /** The permissions of all ranges that hold this address, of the same family. */
  granted(address: readonly number[]): number {
    const words = wordsOf(address);
    let granted = 0;
    for (let i = 0, at = 0; i < this.#perms.length; i++, at += words.length) {
      let same = 0;
      while (
        same < words.length && (words[same] & this.#masks[at + same]) === this.#nets[at + same]
      ) same += 1;
      if (same === words.length) granted |= this.#perms[i];
    }
    return granted;
  }
}

function wordsOf(bytes: readonly number[]): number[] {
  const words: number[] = [];
  for (let i = 0; i < bytes.length; i += 4) {
    words.push((bytes[i] << 24) | (bytes[i + 1] << 16) | (bytes[i + 2] << 8) | bytes[i + 3]);
  }
  return words;
}

/**
 * The id text of a connection from the address the system names: an IPv4 address inside IPv6 is an
 * IPv4 address, and IPv6 is written with all eight groups, a zone behind it.
 */
export function ipIdOf(remote: string): string {
  const lower = remote.toLowerCase();
  if (lower.startsWith(MAPPED_PREFIX) && lower.includes(".")) {
    return remote.slice(MAPPED_PREFIX.length);
  }
  if (!remote.includes(":")) return remote;
  const [address, zone] = remote.split("%", 2);
  const bytes = parseV6(address);
  if (bytes === null) return remote;
  if (bytes.slice(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 0xff))) {
    return bytes.slice(12).join(".");
  }
  const groups: string[] = [];
  for (let i = 0; i < V6_BYTES; i += 2) groups.push(((bytes[i] << 8) | bytes[i + 1]).toString(16));
  return groups.join(":") + (zone === undefined ? "" : `%${zone}`);
}

/** Null when the text is none. */
export function parseRange(text: string): IpRange | null {
  const slash = text.indexOf("/");
  const bytes = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (bytes === null) return null;
  const width = 8 * bytes.length;
  const bits = slash < 0 ? width : integerOf(text.slice(slash + 1));
  return bits === null || bits < 0 || bits > width ? null : { bytes, bits };
}

/** The 4 or 16 bytes of an address; null when the text is none. */
export function parseAddress(text: string): number[] | null {
  if (text.includes(":")) return parseV6(text);
  return text.includes(".") ? parseV4(text) : null;
}

function parseV4(text: string): number[] | null {
  const parts = text.split(".");
  if (parts.length !== V4_BYTES) return null;
  const bytes: number[] = [];
  for (const part of parts) {
    const value = integerOf(part);
    if (value === null || value < 0 || value > 255) return null;
    bytes.push(value);
  }
  return bytes;
}

function parseV6(text: string): number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const front = groupsOf(halves[0]);
  const back = halves.length === 2 ? groupsOf(halves[1]) : [];
  if (front === null || back === null) return null;
  const known = front.length + back.length;
  if (halves.length === 1 ? known !== V6_GROUPS : known >= V6_GROUPS) return null;
  const gap: number[] = new Array(V6_GROUPS - known).fill(0);
  return [...front, ...gap, ...back].flatMap((group) => [(group >> 8) & 0xff, group & 0xff]);
}

function groupsOf(text: string): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  for (const part of text.split(":")) {
    // A sign is taken for a digit place, as Java's parser does.
    if (part.length > GROUP_DIGITS || !/^[+-]?[0-9a-fA-F]+$/.test(part)) return null;
    groups.push(parseInt(part, 16));
  }
  return groups;
}

function integerOf(text: string): number | null {
  if (!/^[+-]?0*[0-9]{1,10}$/.test(text)) return null;
  const value = Number(text);
  return value > 0x7fffffff || value < -0x80000000 ? null : value;
}
