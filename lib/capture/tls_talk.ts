// A TLS connection: what its open handshake tells (versions, cipher, server name, protocols, the
// certificate up to TLS 1.2) and how much went by in secret. Nothing behind it is guessed at.

import { checkTls } from "./checks.ts";
import { i32, u16 } from "./bytes.ts";
import type { Conn, Context, Talk } from "./context.ts";
import type { Side } from "./flows.ts";
import type { TlsStory } from "./message.ts";
import { type RecordOwner, RecordStream } from "./stream.ts";
import type { LossReason } from "./tcp.ts";
import { alertName, cipherName, commonNames, versionName } from "./tls_names.ts";

const HANDSHAKE = 22;
const ALERT = 21;
const NAMES: Readonly<Record<number, string>> = {
  20: "ChangeCipherSpec",
  21: "Alert",
  22: "Handshake",
  23: "ApplicationData",
  24: "Heartbeat",
};

interface Facts {
  version: string | null;
  cipher: string | null;
  serverName: string | null;
  protocols: string[];
  note: string;
}

export class TlsTalk implements Talk, RecordOwner {
  readonly protocol = "tls";
  readonly #conn: Conn;
  readonly #context: Context;
  readonly #streams: readonly [RecordStream, RecordStream];
  /** That side's records are encrypted from here on. */
  readonly #isSecret: [boolean, boolean] = [false, false];
  /** Handshake messages may span records. */
  readonly #handshake: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];

  constructor(conn: Conn, context: Context, inStep: readonly [boolean, boolean]) {
    this.#conn = conn;
    this.#context = context;
    this.#streams = [
      new RecordStream(this, 0, !inStep[0]),
      new RecordStream(this, 1, !inStep[1]),
    ];
  }

  data(side: Side, bytes: Uint8Array, start: number, end: number, time: number): void {
    this.#streams[side].data(bytes, start, end, time);
  }

  lost(side: Side, length: number, why: LossReason, time: number): void {
    this.#context.loss(this.#conn, side, length, why, time);
    this.#streams[side].lost(length, time);
  }

  close(time: number): void {
    for (const stream of this.#streams) stream.end(time);
  }

  measure(_side: Side, bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 5) return -5;
    if (bytes[at] < 20 || bytes[at] > 24 || bytes[at + 1] !== 3) return 0;
    const size = 5 + u16(bytes, at + 3);
    return end - at >= size ? size : -size;
  }

  sizeOf(_side: Side, bytes: Uint8Array, length: number): number {
    return length < 5 ? 0 : 5 + u16(bytes, 3);
  }

  check(_side: Side, bytes: Uint8Array, at: number, end: number): number {
    return checkTls(bytes, at, end);
  }

  outOfStep(side: Side): void {
    this.#isSecret[side] = true;
  }

  inStep(): void {}

  skipped(side: Side, count: number, time: number): void {
    this.#context.loss(this.#conn, side, count, "unreadable", time);
  }

  record(
    side: Side,
    bytes: Uint8Array,
    start: number,
    end: number,
    size: number,
    lost: number,
    time: number,
  ): void {
    this.#context.count(this.#conn, side, size);
    const type = bytes[start];
    const isOpen = !this.#isSecret[side];
    if (type === 20 || type === 23) this.#isSecret[side] = true;
    if (this.#context.isRich) {
      const name = isOpen || type !== HANDSHAKE ? NAMES[type] ?? "record" : "Handshake (encrypted)";
      const note = `${size - 5} bytes`;
      const draft = { kind: "tls" as const, name, note, layout: { of: "tls" } as const };
      this.#context.emit(this.#conn, side, draft, bytes, start, end, size, lost, time);
    }
    if (lost > 0 || !isOpen) return;
    if (type === HANDSHAKE) this.#handshakes(side, bytes.subarray(start + 5, end), time);
    if (type === ALERT && size === 7) {
      const note = alertName(bytes[start + 5], bytes[start + 6]);
      this.#tell(side, "alert", { ...none(), note }, time);
    }
  }

  #handshakes(side: Side, bytes: Uint8Array, time: number): void {
    const before = this.#handshake[side];
    let all = bytes;
    if (before.length > 0) {
      all = new Uint8Array(before.length + bytes.length);
      all.set(before);
      all.set(bytes, before.length);
    }
    let at = 0;
    while (all.length - at >= 4) {
      const length = i32(all, at) & 0xffffff;
      if (all.length - at < 4 + length) break;
      this.#message(side, all[at], all.subarray(at + 4, at + 4 + length), time);
      at += 4 + length;
    }
    this.#handshake[side] = all.length - at > 1 << 17 ? new Uint8Array(0) : all.slice(at);
  }

  #message(side: Side, type: number, body: Uint8Array, time: number): void {
    if (type === 1) this.#tell(side, "client hello", clientHello(body), time);
    if (type === 2) this.#tell(side, "server hello", serverHello(body), time);
    if (type === 11) {
      const names = commonNames(body);
      this.#tell(side, "certificate", { ...none(), note: names.join(", issued by ") }, time);
    }
  }

  #tell(side: Side, what: TlsStory["what"], facts: Facts, time: number): void {
    this.#context.tell({
      type: "tls",
      time,
      connection: this.#conn.id,
      from: this.#conn.names[side],
      to: this.#conn.names[side ^ 1],
      what,
      ...facts,
    });
  }
}

const none = (): Facts => ({
  version: null,
  cipher: null,
  serverName: null,
  protocols: [],
  note: "",
});

/** Reads what a hello says; stops quietly where it is short. */
function clientHello(body: Uint8Array): Facts {
  const facts = none();
  if (body.length < 39) return facts;
  facts.version = versionName(u16(body, 0));
  let at = 35 + body[34];
  const ciphers = u16(body, at) >> 1;
  at += 2 + ciphers * 2;
  at += 1 + (body[at] ?? 0);
  facts.note = `${ciphers} ciphers offered`;
  for (const [type, value] of extensions(body, at)) {
    if (type === 0 && value.length > 5) {
      facts.serverName = text(value.subarray(5, 5 + u16(value, 3)));
    }
    if (type === 16 && value.length > 2) facts.protocols = protocolNames(value);
    if (type === 43 && value.length > 1) {
      const offered: number[] = [];
      for (let i = 1; i + 1 < value.length; i += 2) offered.push(u16(value, i));
      const known = offered.filter((version) => (version & 0x0f0f) !== 0x0a0a);
      if (known.length > 0) facts.version = versionName(Math.max(...known));
    }
  }
  return facts;
}

function serverHello(body: Uint8Array): Facts {
  const facts = none();
  if (body.length < 38) return facts;
  facts.version = versionName(u16(body, 0));
  const at = 35 + body[34];
  facts.cipher = cipherName(u16(body, at));
  for (const [type, value] of extensions(body, at + 3)) {
    if (type === 43 && value.length === 2) facts.version = versionName(u16(value, 0));
    if (type === 16 && value.length > 2) facts.protocols = protocolNames(value);
  }
  return facts;
}

function* extensions(body: Uint8Array, from: number): Generator<[number, Uint8Array]> {
  let at = from + 2;
  while (at + 4 <= body.length) {
    const length = u16(body, at + 2);
    yield [u16(body, at), body.subarray(at + 4, at + 4 + length)];
    at += 4 + length;
  }
}

function protocolNames(value: Uint8Array): string[] {
  const names: string[] = [];
  for (let at = 2; at < value.length; at += 1 + value[at]) {
    names.push(text(value.subarray(at + 1, at + 1 + value[at])));
  }
  return names;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
