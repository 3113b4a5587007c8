// Session ids and passwords (client.md 2.4). Both are functions of few inputs, equal on every
// server: a client may reconnect to any of them.
//
// Must agree with SessionTrackerImpl.initializeNextSessionId and ZooKeeperServer.generatePasswd.

import type { SessionId } from "../base/ids.ts";

/** What Java xors into the id before it seeds its generator. */
const SECRET = 0xb3415c00n;
const MULTIPLIER = 0x5deece66dn;
const ADDEND = 0xbn;
const MASK_48 = (1n << 48n) - 1n;
const CONTAINER_OWNER = -(1n << 63n);

export const PASSWORD_SIZE = 16;

/**
 * First session id of a process: server id in the top byte, then 40 bits of `millis`, then room
 * for a counter. Wall-clock millis keep ids apart across reboots of the machine.
 */
export function firstSessionId(millis: number, serverId: number): SessionId {
  const time = BigInt.asUintN(64, BigInt(Math.floor(millis)) << 24n) >> 8n;
  const seed = BigInt.asIntN(64, time | (BigInt(serverId) << 56n));
  return seed === CONTAINER_OWNER ? seed + 1n : seed; // else it would read as a container's owner
}

/** Hands out session ids; one per process, so that no role repeats another's. */
export class SessionIds {
  #next: SessionId;

  constructor(wallMillis: number, serverId: number) {
    this.#next = firstSessionId(wallMillis, serverId);
  }

  next(): SessionId {
    const id = this.#next;
    this.#next = BigInt.asIntN(64, id + 1n);
    return id;
  }
}

/** The 16 bytes that belong to a session id; new and the caller's. */
export function passwordOf(session: SessionId): Uint8Array {
  const bytes = new Uint8Array(PASSWORD_SIZE);
  let state = ((session ^ SECRET) ^ MULTIPLIER) & MASK_48;
  for (let at = 0; at < PASSWORD_SIZE; at += 4) {
    state = (state * MULTIPLIER + ADDEND) & MASK_48;
    const word = Number((state >> 16n) & 0xffffffffn);
    for (let i = 0; i < 4; i++) bytes[at + i] = (word >>> (8 * i)) & 0xff;
  }
  return bytes;
}

/** True when `password` proves the session: id not 0 and all 16 bytes right. */
export function isPasswordOf(session: SessionId, password: Uint8Array | null): boolean {
  if (session === 0n || password === null || password.length !== PASSWORD_SIZE) return false;
  const expected = passwordOf(session);
  return expected.every((byte, index) => byte === password[index]);
}
