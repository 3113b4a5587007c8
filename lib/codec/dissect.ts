// The dissector: which byte belongs to which field. It walks a layout (fields by shape, and what
// shapes cannot say: a buffer that holds a message, a run of bare bytes) over the bytes and gives
// one span per field, in order. Spans never overlap and leave no gap: what a layout does not reach
// gets a span of its own. Which layout a message has is decided in lib/wire/layout.ts from the
// decoded message, so nothing is parsed twice in two ways.

import { Input } from "./input.ts";
import { type Json, toJson } from "./json.ts";
import { type FieldType, isShape, isVector, type Primitive, type Tag } from "./shape.ts";

/**
 * `bytes[start..end)` are one field. Lengths before text, buffers and vectors are part of theirs.
 */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** As in `reply.stat.czxid` or `request.acl[0].perms`. */
  readonly path: string;
  readonly type: Primitive | "bytes";
  /** As the reader of the type gives it; bytes are views. */
  readonly value: unknown;
  readonly tag: Tag | null;
}

/**
 * A piece of a layout. A field's name may be empty: a record's fields then stand in the enclosing
 * group. `bytes`: so many bytes without a length before them, all that are left when null.
 * `inside`: a buffer whose content has a layout. `group`: pieces under a common name.
 */
export type Piece =
  | { readonly field: string; readonly type: FieldType; readonly tag?: Tag }
  | { readonly bytes: string; readonly size: number | null; readonly tag?: Tag }
  | { readonly inside: string; readonly layout: Layout }
  | { readonly group: string; readonly layout: Layout };
export type Layout = readonly Piece[];

/**
 * Spans of `bytes[start..end)`. Bytes behind the layout are one span named `rest`.
 *
 * Faults: SHORT, LENGTH when the bytes do not have this layout.
 */
export function dissect(
  bytes: Uint8Array,
  layout: Layout,
  start = 0,
  end = bytes.length,
): Span[] {
  const walk = new Walk(new Input(bytes, start, end));
  walk.layout(layout, "");
  walk.rest("");
  return walk.spans;
}

/** A span's value as JSON. */
export const spanJson = (span: Span): Json =>
  toJson(span.type === "bytes" ? "buffer" : span.type, span.value, span.tag ?? undefined);

const join = (prefix: string, name: string): string =>
  prefix === "" ? name : name === "" ? prefix : `${prefix}.${name}`;

class Walk {
  readonly spans: Span[] = [];
  readonly #input: Input;

  constructor(input: Input) {
    this.#input = input;
  }

  layout(layout: Layout, prefix: string): void {
    for (const piece of layout) {
      if ("field" in piece) this.#field(piece.type, join(prefix, piece.field), piece.tag ?? null);
      else if ("group" in piece) this.layout(piece.layout, join(prefix, piece.group));
      else if ("inside" in piece) this.#inside(piece.layout, join(prefix, piece.inside));
      else this.#bytes(join(prefix, piece.bytes), piece.size, piece.tag ?? null);
    }
  }

  /** Whatever nobody has named. */
  rest(prefix: string): void {
    this.#bytes(join(prefix, "rest"), null, null);
  }

  #field(type: FieldType, path: string, tag: Tag | null): void {
    if (isShape(type)) {
      for (const [name, field, meaning] of type.fields) {
        this.#field(field, join(path, name), meaning ?? null);
      }
    } else if (isVector(type)) {
      const start = this.#input.at;
      const count = this.#input.count();
      this.#push(start, `${path}.length`, "int", count, "count");
      for (let i = 0; i < count; i++) this.#field(type.vector, `${path}[${i}]`, tag);
    } else {
      const start = this.#input.at;
      this.#push(start, path, type, this.#input[type](), tag);
    }
  }

  #inside(layout: Layout, path: string): void {
    const input = this.#input;
    const start = input.at;
    const length = input.int();
    this.#push(start, `${path}.length`, "int", length, "count");
    if (length < 0) return;
    const outer = input.end;
    const content = input.at;
    input.take(length);
    input.at = content;
    input.end = content + length;
    this.layout(layout, path);
    this.rest(path);
    input.end = outer;
  }

  #bytes(path: string, size: number | null, tag: Tag | null): void {
    const start = this.#input.at;
    const bytes = this.#input.take(size ?? this.#input.left);
    if (bytes.length > 0) this.#push(start, path, "bytes", bytes, tag);
  }

  #push(start: number, path: string, type: Span["type"], value: unknown, tag: Tag | null): void {
    this.spans.push({ start, end: this.#input.at, path, type, value, tag });
  }
}
