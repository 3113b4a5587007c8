// Connections without binary messages: four-letter words, the admin server's HTTP, and what nobody
// recognised, which is counted and left alone.

import { decodeText } from "../codec/input.ts";
import { Carry } from "./bytes.ts";
import type { Conn, Context, Talk } from "./context.ts";
import type { Side } from "./flows.ts";
import { type BodyForm, HttpBody } from "./http_body.ts";
import type { LossReason } from "./tcp.ts";

const TEXT_MAX = 1 << 20;
/** Requests of one connection that wait for their answers. */
const ASKED_MAX = 1000;

/** `ruok` and its like: the word one way, text the other, then the end. */
export class WordsTalk implements Talk {
  readonly protocol = "words";
  readonly #conn: Conn;
  readonly #context: Context;
  readonly #said: readonly [Carry, Carry] = [new Carry(), new Carry()];
  readonly #sizes: [number, number] = [0, 0];
  readonly #lost: [number, number] = [0, 0];
  #asked = NaN;
  /** When the last of the answer was there: the end of the connection may be long after. */
  #answered = NaN;
  #question: number | null = null;
  #word = "";

  constructor(conn: Conn, context: Context) {
    this.#conn = conn;
    this.#context = context;
  }

  data(side: Side, bytes: Uint8Array, start: number, end: number, time: number): void {
    const said = this.#said[side];
    this.#sizes[side] += end - start;
    if (this.#lost[side] === 0 && said.length < TEXT_MAX) said.append(bytes, start, end);
    if (side === this.#conn.clientSide) {
      this.#asked = time;
      return;
    }
    this.#answered = time;
    if (this.#word === "") this.#tellWord();
  }

  lost(side: Side, length: number, why: LossReason, time: number): void {
    this.#context.loss(this.#conn, side, length, why, time);
    this.#sizes[side] += length;
    this.#lost[side] += length;
    if (side === this.#conn.clientSide) this.#asked = time; // a lost word was said as well
    else this.#answered = time;
  }

  /** The word is complete once the server answers: until then more of it may come. */
  #tellWord(): void {
    const side = this.#conn.clientSide;
    const said = this.#said[side];
    this.#word = decodeText(said.bytes, 0, Math.min(4, said.length)) || "(unseen word)";
    if (this.#sizes[side] === 0) return;
    this.#context.count(this.#conn, side, this.#sizes[side]);
    if (!this.#context.isRich) return;
    const draft = {
      kind: "word" as const,
      name: this.#word,
      layout: { of: "text" } as const,
    };
    const [size, lost] = [this.#sizes[side], this.#lost[side]];
    this.#question = this.#context.emit(
      this.#conn,
      side,
      draft,
      said.bytes,
      0,
      said.length,
      size,
      lost,
      this.#asked,
    )
      .n;
  }

  close(): void {
    if (this.#word === "") this.#tellWord();
    const side = this.#conn.serverSide;
    const said = this.#said[side];
    const time = this.#answered;
    const size = this.#sizes[side];
    if (size === 0) return;
    this.#context.count(this.#conn, side, size);
    if (!this.#context.isRich) return;
    const [line] = decodeText(said.bytes, 0, Math.min(200, said.length)).split("\n");
    const draft = {
      kind: "text" as const,
      name: this.#word,
      layout: { of: "text" } as const,
      latency: Number.isNaN(this.#asked) ? null : time - this.#asked,
      about: this.#question,
      note: line,
    };
    const lost = this.#lost[side];
    this.#context.emit(this.#conn, side, draft, said.bytes, 0, said.length, size, lost, time);
  }
}

/** Heads of HTTP messages; bodies are passed over. */
export class HttpTalk implements Talk {
  readonly protocol = "http";
  readonly #conn: Conn;
  readonly #context: Context;
  readonly #heads: readonly [Carry, Carry] = [new Carry(), new Carry()];
  readonly #bodies: readonly [HttpBody, HttpBody] = [new HttpBody(), new HttpBody()];
  readonly #isLost: [boolean, boolean];
  /** Of the requests without an answer: whether it has no body for it was HEAD. */
  #isHead: boolean[] = [];

  constructor(conn: Conn, context: Context, inStep: readonly [boolean, boolean]) {
    this.#conn = conn;
    this.#context = context;
    this.#isLost = [!inStep[0], !inStep[1]];
  }

  data(side: Side, bytes: Uint8Array, start: number, end: number, time: number): void {
    let at = start;
    while (at < end) {
      at = this.#bodies[side].pass(bytes, at, end);
      if (at === end) return;
      const head = this.#heads[side];
      const before = head.length;
      head.append(bytes, at, end);
      const stop = endOfHead(head.bytes, Math.max(0, before - 3), head.length);
      if (stop < 0) {
        if (head.length > TEXT_MAX) this.#skip(side, time);
        return;
      }
      this.#head(side, stop, time);
      at += stop - before;
      head.clear();
    }
  }

  lost(side: Side, length: number, why: LossReason, time: number): void {
    this.#context.loss(this.#conn, side, length, why, time);
    if (this.#bodies[side].lost(length)) return;
    this.#isLost[side] = true;
    this.#isHead = [];
    this.#skip(side, time);
  }

  close(time: number): void {
    for (const side of [0, 1] as const) this.#skip(side, time);
  }

  #skip(side: Side, time: number): void {
    const { length } = this.#heads[side];
    if (length > 0) this.#context.loss(this.#conn, side, length, "unreadable", time);
    this.#heads[side].clear();
  }

  #head(side: Side, stop: number, time: number): void {
    const { bytes } = this.#heads[side];
    const text = decodeText(bytes, 0, stop);
    const [line] = text.split("\r\n");
    if (this.#isLost[side] && !/HTTP\/1\.[01]/.test(line)) {
      this.#context.loss(this.#conn, side, stop, "unreadable", time);
      return;
    }
    this.#isLost[side] = false;
    const isReply = line.startsWith("HTTP/");
    const form = isReply ? this.#formOfReply(line, text) : formOf(text, 0);
    if (!isReply && this.#isHead.length < ASKED_MAX) this.#isHead.push(line.startsWith("HEAD "));
    this.#bodies[side].begin(form);
    const size = stop + (typeof form === "number" && Number.isFinite(form) ? form : 0);
    this.#context.count(this.#conn, side, size);
    if (!this.#context.isRich) return;
    const name = isReply ? line.replace(/^\S+ /, "") : line.replace(/ HTTP\/.*/, "");
    const draft = {
      kind: "http" as const,
      name,
      layout: { of: "text" } as const,
      path: isReply ? null : line.split(" ")[1] ?? null,
    };
    this.#context.emit(this.#conn, side, draft, bytes, 0, stop, stop, 0, time);
  }

  /** Some answers have no body whatever their heads say of its length. */
  #formOfReply(line: string, text: string): BodyForm {
    const status = line.split(" ", 2)[1] ?? "";
    if (status.startsWith("1")) return 0; // the answer proper is still to come
    const isBare = this.#isHead.shift() === true || status === "204" || status === "304";
    return isBare ? 0 : formOf(text, Number.POSITIVE_INFINITY);
  }
}

/** What a head says of the body behind it, `unsaid` when it says nothing. */
function formOf(text: string, unsaid: number): BodyForm {
  if (/\r\ntransfer-encoding: *chunked/i.test(text)) return "chunked";
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  return length === undefined ? unsaid : Number(length);
}

/** Index after the empty line that ends a head; -1 when there is none yet. */
function endOfHead(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at + 4 <= end; at++) {
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) {
      return at + 4;
    }
  }
  return -1;
}

/** What is none of ours. */
export class UnknownTalk implements Talk {
  readonly protocol = "unknown";
  readonly #conn: Conn;

  constructor(conn: Conn) {
    this.#conn = conn;
  }

  data(): void {}

  /** Counted, not told: what it would have been is nobody's business here. */
  lost(_side: Side, length: number): void {
    this.#conn.lost += length;
  }

  close(): void {}
}
