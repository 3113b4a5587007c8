// Records as JSON and back, written once over shapes. Exact both ways: what comes back encodes to
// the same bytes. Ids are `0x…`; other longs are numbers while those are exact, else decimal text;
// bytes are base64, or text where a field is tagged so and its bytes are plain UTF-8. Null stays
// null.

import { Buffer } from "node:buffer";
import { Fault } from "../base/errors.ts";
import { hex, parseId } from "../base/ids.ts";
import {
  type Field,
  type FieldType,
  isShape,
  isVector,
  type Primitive,
  type Tag,
} from "./shape.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Longs that people know in hex. */
const HEX_TAGS: ReadonlySet<Tag> = new Set(
  ["zxid", "session", "sid", "owner", "digest", "magic", "checksum"],
);

/** `value` must be what a reader of this type gives. */
export function toJson(type: FieldType, value: unknown, tag?: Tag): Json {
  if (value === null) return null;
  if (isShape(type)) {
    const record = value as Readonly<Record<string, unknown>>;
    return Object.fromEntries(
      type.fields.map(([name, field, meaning]) => [name, toJson(field, record[name], meaning)]),
    );
  }
  if (isVector(type)) {
    return (value as readonly unknown[]).map((item) => toJson(type.vector, item, tag));
  }
  switch (type) {
    case "long":
      return longToJson(value as bigint, tag);
    case "float":
    case "double":
      return floatToJson(value as number);
    case "buffer":
      return bufferToJson(value as Uint8Array, tag);
    default:
      return value as number | boolean | string;
  }
}

/**
 * The value that {@link toJson} was given. Faults: PROTOCOL, naming the field, for JSON of another
 * shape: a field missing or too many, a number out of range, text that is no id and no base64.
 */
export function fromJson(type: FieldType, json: Json, tag?: Tag, where = "$"): unknown {
  if (isShape(type)) return recordFromJson(type.name, type.fields, json, where);
  if (isVector(type)) {
    if (json === null) return null;
    if (!Array.isArray(json)) return refuse(where, "a list", json);
    return json.map((item, i) => fromJson(type.vector, item, tag, `${where}[${i}]`));
  }
  return primitiveFromJson(type, json, where);
}

function recordFromJson(
  name: string,
  fields: readonly Field[],
  json: Json,
  where: string,
): Record<string, unknown> {
  if (json === null || typeof json !== "object" || Array.isArray(json)) {
    return refuse(where, `a ${name}`, json);
  }
  for (const key of Object.keys(json)) {
    if (!fields.some(([field]) => field === key)) {
      return refuse(`${where}.${key}`, `no field of ${name}`, json[key]);
    }
  }
  return Object.fromEntries(fields.map(([field, type, tag]) => {
    const here = `${where}.${field}`;
    if (!Object.hasOwn(json, field)) return refuse(here, "present", undefined);
    return [field, fromJson(type, json[field], tag, here)];
  }));
}

function primitiveFromJson(type: Primitive, json: Json, where: string): unknown {
  switch (type) {
    case "byte":
      return intFromJson(json, 0x7f, where);
    case "int":
      return intFromJson(json, 0x7fffffff, where);
    case "boolean":
      return typeof json === "boolean" ? json : refuse(where, "true or false", json);
    case "long":
      return longFromJson(json, where);
    case "float":
    case "double":
      return floatFromJson(json, where);
    case "ustring":
      return json === null || typeof json === "string" ? json : refuse(where, "text", json);
    case "buffer":
      return bufferFromJson(json, where);
  }
}

function longToJson(value: bigint, tag: Tag | undefined): Json {
  if (tag !== undefined && HEX_TAGS.has(tag)) return hex(value);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function longFromJson(json: Json, where: string): bigint {
  if (typeof json === "number" && Number.isSafeInteger(json)) return BigInt(json);
  const value = typeof json === "string" ? parseId(json) : null;
  // parseId wraps; a decimal beyond 64 bits would come out as another number.
  if (value === null || (!/^0x/i.test(String(json)) && value.toString() !== json)) {
    return refuse(where, "an integer of 64 bits", json);
  }
  return value;
}

function intFromJson(json: Json, max: number, where: string): number {
  if (typeof json === "number" && Number.isInteger(json) && json <= max && json >= -max - 1) {
    return json;
  }
  return refuse(where, `an integer from ${-max - 1} to ${max}`, json);
}

/** JSON has no NaN, no infinities and no minus zero. */
function floatToJson(value: number): Json {
  return Number.isFinite(value) && !Object.is(value, -0)
    ? value
    : Object.is(value, -0)
    ? "-0"
    : String(value);
}

function floatFromJson(json: Json, where: string): number {
  if (typeof json === "number") return json;
  const isNamed = json === "NaN" || json === "Infinity" || json === "-Infinity" || json === "-0";
  return isNamed ? Number(json) : refuse(where, "a number", json);
}

/** Text that is not plain UTF-8 stays bytes, marked so that it cannot be taken for text. */
function bufferToJson(value: Uint8Array, tag: Tag | undefined): Json {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (tag === "text") {
    const text = bytes.toString("utf8");
    if (Buffer.from(text, "utf8").equals(bytes)) return { text };
  }
  return bytes.toString("base64");
}

function bufferFromJson(json: Json, where: string): Uint8Array | null {
  if (json === null) return null;
  if (typeof json === "object" && !Array.isArray(json) && typeof json.text === "string") {
    return new TextEncoder().encode(json.text);
  }
  const bytes = typeof json === "string" ? Buffer.from(json, "base64") : null;
  if (bytes === null || bytes.toString("base64") !== json) return refuse(where, "base64", json);
  return new Uint8Array(bytes);
}

function refuse(where: string, wanted: string, json: unknown): never {
  const given = json === undefined ? "absent" : JSON.stringify(json)?.slice(0, 80);
  throw new Fault("PROTOCOL", `${where} must be ${wanted}, it is ${given}`, { field: where });
}
