// JSON as Java's AdminServer prints it: two blanks of indent, ` : ` behind a key, arrays in a line,
// whole numbers of any size bare. Must agree with Jackson's indented output, because scripts parse
// these pages with grep and sed.

import { javaDouble } from "./java_text.ts";
import type { Double } from "./metrics.ts";

/** Maps keep their order, whatever their keys look like; objects of JavaScript do not. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | Double
  | readonly Json[]
  | ReadonlyMap<string, Json>;

/** An object with its fields in this order. */
export const fields = (...rows: readonly (readonly [string, Json])[]): Map<string, Json> =>
  new Map(rows);

/** Its text, without an end of line. */
export function jsonText(value: Json): string {
  return textOf(value, "\n");
}

function textOf(value: Json, line: string): string {
  if (value === null || typeof value === "boolean" || typeof value === "bigint") {
    return String(value);
  }
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : `"${value}"`;
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Map) return objectText(value, line);
  if (Array.isArray(value)) return arrayText(value, line);
  return "double" in value ? doubleText(value) : "null";
}

function objectText(value: ReadonlyMap<string, Json>, line: string): string {
  if (value.size === 0) return "{ }";
  const inner = `${line}  `;
  const rows = [...value].map(([key, each]) => `${JSON.stringify(key)} : ${textOf(each, inner)}`);
  return `{${inner}${rows.join(`,${inner}`)}${line}}`;
}

function arrayText(value: readonly Json[], line: string): string {
  if (value.length === 0) return "[ ]";
  return `[ ${value.map((each) => textOf(each, line)).join(", ")} ]`;
}

/** NaN and infinities are no JSON; Jackson quotes them. */
function doubleText({ double }: Double): string {
  const text = javaDouble(double);
  return Number.isFinite(double) ? text : `"${text}"`;
}
