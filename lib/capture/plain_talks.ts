// Connections without binary messages: four-letter words, the admin server's HTTP, and what nobody
// recognised, which is counted and left alone.

import { decodeText } from "../codec/input.ts";
import { Carry } from "./bytes.ts";
import type { Conn, Context, Talk } from "./context.ts";
import type { Side } from "./flows.ts";
import type { LossReason } from "./tcp.ts";

const TEXT_MAX = 1 << 20;

/** `ruok` and its like: the word one way, text the other, then the end. */
export class WordsTalk implements Talk {
  readonly protocol = "words";
  readonly #conn: Conn;
  readonly #context: Context;
  readonly #said: readonly [Carry, Carry] = [new Carry(), new Carry()];
  readonly #sizes: [number, number] = [0, 0];
  readonly #lost: [number, number] = [0, 0];
  #asked = NaN;
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
    if (this.#word === "") this.#tellWord();
  }

  lost(side: Side, length: number, why: LossReason, time: number): void {
    this.#context.loss(this.#conn, side, length, why, time);
    this.#sizes[side] += length;
    this.#lost[side] += length;
    if (side === this.#conn.clientSide) this.#asked = time; // a lost word was said as well
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

  close(time: number): void {
    if (this.#word === "") this.#tellWord();
    const side = this.#conn.serverSide;
    const said = this.#said[side];
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

/** Heads of HTTP messages; bodies are passed over by their length. */
export class HttpTalk implements Talk {
  readonly protocol = "http";
  readonly #conn: Conn;
  readonly #context: Context;
  readonly #heads: readonly [Carry, Carry] = [new Carry(), new Carry()];
  /** Bytes of a body still to pass over; infinite when only the end of the connection ends it. */
  readonly #body: [number, number] = [0, 0];
  readonly #isLost: [boolean, boolean];

  constructor(conn: Conn, context: Context, inStep: readonly [boolean, boolean]) {
    this.#conn = conn;
    this.#context = context;
    this.#isLost = [!inStep[0], !inStep[1]];
  }

  data(side: Side, bytes: Uint8Array, start: number, end: number, time: number): void {
    let at = start;
    while (at < end) {
      const passed = Math.min(this.#body[side], end - at);
      this.#body[side] -= passed;
      at += passed;
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
    if (length <= this.#body[side]) {
      this.#body[side] -= length;
      return;
    }
    this.#body[side] = 0;
    this.#isLost[side] = true;
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
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    const isChunked = /\r\ntransfer-encoding: *chunked/i.test(text);
    const isReply = line.startsWith("HTTP/");
    const body = isChunked || (isReply && length === undefined && !/ (204|304) /.test(line))
      ? Number.POSITIVE_INFINITY
      : Number(length ?? 0);
    this.#body[side] = body;
    const size = stop + (Number.isFinite(body) ? body : 0);
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
