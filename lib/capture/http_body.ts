// How far a body of HTTP goes: by its length, chunk by chunk, or to the end of its connection. The
// bytes are passed over; where the next head begins is what counts.

/** Bytes of a body; infinite: to the end of the connection. */
export type BodyForm = number | "chunked";

/** Longest line between chunks. */
const LINE_MAX = 4096;
const LF = 10;
const CRLF_SIZE = 2;

export class HttpBody {
  /** Bytes to pass over before anything is looked at again. */
  #rest = 0;
  /** Which lines come next: none, the size of a chunk, or those behind the last chunk. */
  #lines: "none" | "size" | "trailer" = "none";
  #line = "";

  begin(form: BodyForm): void {
    this.#line = "";
    this.#lines = form === "chunked" ? "size" : "none";
    this.#rest = form === "chunked" ? 0 : form;
  }

  /** The next bytes are missing; false when that leaves unknown where the body ends. */
  lost(length: number): boolean {
    if (length <= this.#rest) {
      this.#rest -= length;
      return true;
    }
    this.begin(0);
    return false;
  }

  /** Index after what of `bytes[start..end)` belongs to the body. */
  pass(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      if (this.#rest > 0) {
        const count = Math.min(this.#rest, end - at);
        this.#rest -= count;
        at += count;
      } else if (this.#lines === "none") return at;
      else this.#byte(bytes[at++]);
    }
    return at;
  }

  #byte(byte: number): void {
    if (byte !== LF) {
      this.#line += String.fromCharCode(byte);
      if (this.#line.length > LINE_MAX) this.begin(Number.POSITIVE_INFINITY);
      return;
    }
    const line = this.#line.trimEnd();
    this.#line = "";
    if (this.#lines === "trailer") {
      if (line === "") this.#lines = "none";
      return;
    }
    const size = /^[0-9a-f]{1,8}(?=[; \t]|$)/i.exec(line)?.[0];
    if (size === undefined) return this.begin(Number.POSITIVE_INFINITY);
    const length = parseInt(size, 16);
    if (length === 0) this.#lines = "trailer";
    else this.#rest = length + CRLF_SIZE;
  }
}
