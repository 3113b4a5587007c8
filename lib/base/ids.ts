// The identifiers of the protocol. A wire `long` is a bigint, a wire `int` is a number; there is no
// third kind. epochOf and counterOf are the only places that know how a zxid is split
// (quorum.md 0.2; 7.7 names a split that may come).

declare const unit: unique symbol;
type Unit<T, U extends string> = T & { readonly [unit]?: U };

/** Transaction id: epoch in the high 32 bits, counter in the low 32. Signed on the wire. */
export type Zxid = Unit<bigint, "zxid">;
/** Server id (`myid`). */
export type Sid = Unit<bigint, "sid">;
export type SessionId = Unit<bigint, "session">;
export type Epoch = Unit<bigint, "epoch">;

const COUNTER_BITS = 32n;
const COUNTER_MASK = 0xffffffffn;

/** The highest counter a proposal may carry; the next one forces a new epoch (quorum.md 7.7). */
export const COUNTER_MAX = 0xfffffffen;

/** Epoch of a zxid, by arithmetic shift, so that marker zxids keep their sign. */
export const epochOf = (zxid: Zxid): Epoch => zxid >> COUNTER_BITS;
export const counterOf = (zxid: Zxid): bigint => zxid & COUNTER_MASK;
export const zxidOf = (epoch: Epoch, counter: bigint): Zxid =>
  BigInt.asIntN(64, (epoch << COUNTER_BITS) | (counter & COUNTER_MASK));

/** An id as people write it: `0x` and lower-case hex of the 64 bits, without padding. */
export const hex = (id: bigint): string => `0x${BigInt.asUintN(64, id).toString(16)}`;

/** The reverse of {@link hex}; also takes plain decimal. Null when it is neither. */
export function parseId(text: string): bigint | null {
  if (!/^(0[xX][0-9a-fA-F]{1,16}|-?[0-9]{1,20})$/.test(text)) return null;
  return BigInt.asIntN(64, BigInt(text));
}

/** Zxids and sids compare as signed 64-bit numbers. */
export const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);
