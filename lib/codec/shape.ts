// The shape of a record: what jute/compile.ts knows about it, kept for the cold paths. JSON, the
// dissector, equality and random values are written once over shapes; hot code never looks at them.

import type { Input } from "./input.ts";
import type { Output } from "./output.ts";

export type Primitive =
  | "byte"
  | "boolean"
  | "int"
  | "long"
  | "float"
  | "double"
  | "buffer"
  | "ustring";

/** What a number or string means, beyond its bytes; decides how people see it. */
export type Tag =
  | "zxid"
  | "session"
  | "sid"
  | "epoch"
  | "millis" // since 1970
  | "duration" // milliseconds
  | "op"
  | "error"
  | "packet" // QuorumPacket type
  | "perms"
  | "path"
  | "password"
  | "flags" // create mode
  | "event" // watch event type
  | "watch" // watch mode or type
  | "state" // server state
  | "owner" // ephemeralOwner
  | "digest"
  | "count"
  | "checksum"
  | "magic"
  | "text"; // bytes that are text

export type FieldType = Primitive | VectorType | Shape;

export interface VectorType {
  readonly vector: FieldType;
}

export type Field = readonly [name: string, type: FieldType, tag?: Tag];

export interface Shape {
  readonly name: string;
  readonly fields: readonly Field[];
}

/** A record's reader and writer together with its shape: the rows of the tables in lib/wire. */
export interface Codec<T> {
  readonly shape: Shape;
  read(input: Input): T;
  write(out: Output, record: T): void;
}

export const isVector = (type: FieldType): type is VectorType =>
  typeof type === "object" && "vector" in type;

export const isShape = (type: FieldType): type is Shape =>
  typeof type === "object" && "fields" in type;
