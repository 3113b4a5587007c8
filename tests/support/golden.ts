// Fixture rows: one line is one case, `name hex JSON`, lines that start with # are comments. The
// hex is the truth and never rewritten; `UPDATE=1` rewrites the JSON, and the diff is the review.

import { Buffer } from "node:buffer";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Json } from "../../lib/codec/json.ts";

export interface Row {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly json: Json;
  readonly line: number;
}

const fixtures = fileURLToPath(new URL("../../fixtures/", import.meta.url));

/** Rows of a file below fixtures. With UPDATE=1 the JSON is first written from the bytes. */
export function rowsOf(file: string, decode: (name: string, bytes: Uint8Array) => Json): Row[] {
  const path = `${fixtures}${file}`;
  if (process.env.UPDATE === "1") {
    const updated = readFileSync(path, "utf8").split("\n").map((text) => {
      if (isComment(text)) return text;
      const [name, hex] = text.split(" ");
      return `${name} ${hex} ${JSON.stringify(decode(name, fromHex(hex)))}`;
    });
    writeFileSync(path, updated.join("\n"));
  }
  return readFileSync(path, "utf8").split("\n").flatMap((text, index) => {
    if (isComment(text)) return [];
    const [, name, hex, json] = /^(\S+) ([0-9a-f]*) (.+)$/.exec(text) ?? [];
    if (name === undefined) throw new Error(`${file}:${index + 1}: not 'name hex JSON'`);
    return [{ name, bytes: fromHex(hex), json: JSON.parse(json), line: index + 1 }];
  });
}

const isComment = (text: string): boolean => text === "" || text.startsWith("#");

export const fromHex = (hex: string): Uint8Array =>
  new Uint8Array(Buffer.from(hex.replace(/\s+/g, ""), "hex"));
export const toHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
