// The Jute compiler: jute/*.jute in, lib/records/*.ts out. For every record: its interface, readX,
// writeX, its Shape and the three as a Codec. Output depends on the schemas only and is byte-stable.
//
//   deno task jute            writes what changed
//   deno task jute --check    exits 1 when a generated file is stale
//
// A line comment `// @tag` behind a field says what its number or text means (lib/codec/shape.ts).

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

type JuteType =
  | { readonly kind: "primitive"; readonly name: string }
  | { readonly kind: "vector"; readonly item: JuteType }
  | { readonly kind: "record"; readonly name: string; readonly file: string };

interface JuteField {
  readonly name: string;
  readonly type: JuteType;
  readonly tag: string | null;
}
interface JuteRecord {
  readonly name: string;
  readonly note: string[];
  readonly fields: JuteField[];
}
interface JuteFile {
  readonly file: string;
  readonly note: string[];
  readonly records: JuteRecord[];
}
interface Token {
  readonly text: string;
  readonly line: number;
  /** Comment lines before this token. */
  readonly before: string[];
}

const PRIMITIVES = ["byte", "boolean", "int", "long", "float", "double", "buffer", "ustring"];
const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, "..", "lib", "records");

class JuteError extends Error {
  override readonly name = "JuteError";
}

// ---- reading ------------------------------------------------------------------------------------

function tokenize(file: string, text: string): { tokens: Token[]; tags: Map<number, string> } {
  const tokens: Token[] = [];
  const tags = new Map<number, string>();
  let before: string[] = [];
  text.split("\n").forEach((source, index) => {
    const line = index + 1;
    const cut = source.indexOf("//");
    const code = cut < 0 ? source : source.slice(0, cut);
    const comment = cut < 0 ? "" : source.slice(cut + 2).trim();
    const words = code.match(/"[^"]*"|[A-Za-z_][A-Za-z0-9_.]*|[{}<>,;]|\S/g) ?? [];
    for (const word of words) {
      if (!/^("[^"]*"|[A-Za-z_][A-Za-z0-9_.]*|[{}<>,;])$/.test(word)) {
        throw new JuteError(`${file}:${line}: unexpected '${word}'`);
      }
      tokens.push({ text: word, line, before });
      before = [];
    }
    if (comment === "") return;
    const tag = /^@([a-z]+)/.exec(comment)?.[1];
    if (words.length > 0 && tag !== undefined) tags.set(line, tag);
    else if (words.length === 0) before = [...before, comment];
  });
  return { tokens, tags };
}

class Parser {
  #file: string;
  #tokens: Token[];
  #tags: Map<number, string>;
  #at = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    const { tokens, tags } = tokenize(file, text);
    this.#tokens = tokens;
    this.#tags = tags;
  }

  parse(): JuteFile {
    const note = this.#peek().before;
    const records: JuteRecord[] = [];
    while (this.#peek().text === "include") {
      this.#next();
      if (!/^"[^"]+"$/.test(this.#next().text)) this.#fail("include takes a quoted file name");
    }
    this.#expect("module");
    const module = this.#next().text;
    this.#expect("{");
    while (this.#peek().text === "class") records.push(this.#record(module));
    this.#expect("}");
    if (this.#at < this.#tokens.length) this.#fail(`'${this.#peek().text}' behind the module`);
    return { file: this.#file.replace(/\.jute$/, ""), note, records };
  }

  #record(module: string): JuteRecord {
    const note = this.#next().before;
    const name = this.#next().text;
    this.#expect("{");
    const fields: JuteField[] = [];
    while (this.#peek().text !== "}") {
      const type = this.#type(module);
      const field = this.#next();
      this.#expect(";");
      fields.push({ name: field.text, type, tag: this.#tags.get(field.line) ?? null });
    }
    this.#expect("}");
    return { name, note, fields };
  }

  #type(module: string): JuteType {
    const word = this.#next();
    if (PRIMITIVES.includes(word.text)) return { kind: "primitive", name: word.text };
    if (word.text === "vector") {
      this.#expect("<");
      const item = this.#type(module);
      this.#expect(">");
      return { kind: "vector", item };
    }
    const parts = word.text.split(".");
    const name = parts.pop() ?? "";
    const file = parts.pop() ?? module.split(".").pop() ?? "";
    if (!/^[A-Z]/.test(name)) this.#fail(`'${word.text}' is no type`);
    return { kind: "record", name, file };
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { text: "end of file", line: 0, before: [] };
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #expect(text: string): void {
    if (this.#peek().text !== text) this.#fail(`expected '${text}', got '${this.#peek().text}'`);
    this.#at += 1;
  }

  #fail(what: string): never {
    throw new JuteError(`${this.#file}:${this.#peek().line}: ${what}`);
  }
}

// ---- printing -----------------------------------------------------------------------------------

const NUMBERS = new Set(["byte", "int", "float", "double"]);

/** Tags with a branded bigint type of their own in lib/base/ids.ts. */
const BRANDS: Record<string, string> = {
  zxid: "Zxid",
  session: "SessionId",
  sid: "Sid",
  epoch: "Epoch",
};

function tsType(type: JuteType, tag: string | null): string {
  switch (type.kind) {
    case "vector":
      return `${tsType(type.item, tag).replace(/^(.* \| null)$/, "($1)")}[] | null`;
    case "record":
      return type.name;
    case "primitive":
      if (NUMBERS.has(type.name)) return "number";
      if (type.name === "boolean") return "boolean";
      if (type.name === "long") return (tag !== null && BRANDS[tag]) || "bigint";
      return type.name === "buffer" ? "Uint8Array | null" : "string | null";
  }
}

function readerOf(type: JuteType, input: string): string {
  switch (type.kind) {
    case "primitive":
      return `${input}.${type.name}()`;
    case "record":
      return `read${type.name}(${input})`;
    case "vector":
      if (type.item.kind === "record") return `${input}.vector(read${type.item.name})`;
      return `${input}.vector((i) => ${readerOf(type.item, "i")})`;
  }
}

function writerOf(type: JuteType, out: string, value: string): string {
  switch (type.kind) {
    case "primitive":
      return `${out}.${type.name}(${value})`;
    case "record":
      return `write${type.name}(${out}, ${value})`;
    case "vector":
      if (type.item.kind === "record") return `${out}.vector(${value}, write${type.item.name})`;
      return `${out}.vector(${value}, (o, v) => ${writerOf(type.item, "o", "v")})`;
  }
}

function shapeOf(type: JuteType): string {
  switch (type.kind) {
    case "primitive":
      return `"${type.name}"`;
    case "record":
      return `${type.name}Shape`;
    case "vector":
      return `{ vector: ${shapeOf(type.item)} }`;
  }
}

function printRecord(record: JuteRecord): string {
  const lines: string[] = [];
  const { name, fields } = record;
  if (record.note.length > 0) lines.push(`/** ${record.note.join(" ")} */`);
  lines.push(`export interface ${name} {`);
  for (const field of fields) lines.push(`  ${field.name}: ${tsType(field.type, field.tag)};`);
  lines.push("}");
  lines.push(`export function write${name}(out: Output, r: ${name}): void {`);
  for (const field of fields) lines.push(`  ${writerOf(field.type, "out", `r.${field.name}`)};`);
  lines.push("}");
  lines.push(`export function read${name}(input: Input): ${name} {`);
  lines.push("  return {");
  for (const field of fields) lines.push(`    ${field.name}: ${readerOf(field.type, "input")},`);
  lines.push("  };");
  lines.push("}");
  lines.push(`export const ${name}Shape: Shape = {`);
  lines.push(`  name: "${name}",`);
  lines.push("  fields: [");
  for (const field of fields) {
    const tag = field.tag === null ? "" : `, "${field.tag}"`;
    lines.push(`    ["${field.name}", ${shapeOf(field.type)}${tag}],`);
  }
  lines.push("  ],", "};");
  const parts = `shape: ${name}Shape, read: read${name}, write: write${name}`;
  lines.push(`export const ${name}Codec: Codec<${name}> = { ${parts} };`);
  return lines.join("\n");
}

function foreignRecords(file: JuteFile): Map<string, Set<string>> {
  const foreign = new Map<string, Set<string>>();
  const visit = (type: JuteType): void => {
    if (type.kind === "vector") return visit(type.item);
    if (type.kind !== "record" || type.file === file.file) return;
    foreign.set(type.file, (foreign.get(type.file) ?? new Set()).add(type.name));
  };
  for (const record of file.records) for (const field of record.fields) visit(field.type);
  return foreign;
}

function printFile(file: JuteFile): string {
  const brands = new Set<string>();
  for (const field of file.records.flatMap((record) => record.fields)) {
    const isLong = field.type.kind === "primitive" && field.type.name === "long";
    if (isLong && field.tag !== null && BRANDS[field.tag]) brands.add(BRANDS[field.tag]);
  }
  const lines = [
    `// GENERATED from jute/${file.file}.jute by jute/compile.ts. Do not edit: deno task jute.`,
    ...file.note.map((line) => `// ${line}`),
    "",
  ];
  if (brands.size > 0) {
    lines.push(`import type { ${[...brands].sort().join(", ")} } from "../base/ids.ts";`);
  }
  lines.push(
    'import type { Input } from "../codec/input.ts";',
    'import type { Output } from "../codec/output.ts";',
    'import type { Codec, Shape } from "../codec/shape.ts";',
  );
  for (const [from, names] of [...foreignRecords(file)].sort()) {
    const each = [...names].sort();
    lines.push(`import type { ${each.join(", ")} } from "./${from}.ts";`);
    const values = each.flatMap((name) => [`read${name}`, `write${name}`, `${name}Shape`]);
    lines.push(`import { ${values.join(", ")} } from "./${from}.ts";`);
  }
  for (const record of file.records) lines.push("", printRecord(record));
  lines.push("", `export const ${file.file}Codecs: readonly Codec<unknown>[] = [`);
  for (const record of file.records) lines.push(`  ${record.name}Codec,`);
  lines.push("];", "");
  return lines.join("\n");
}

function checkReferences(files: readonly JuteFile[]): void {
  const known = new Set(
    files.flatMap((f) => f.records.map((record) => `${f.file}.${record.name}`)),
  );
  const visit = (type: JuteType, where: string): void => {
    if (type.kind === "vector") return visit(type.item, where);
    if (type.kind === "record" && !known.has(`${type.file}.${type.name}`)) {
      throw new JuteError(`${where}: there is no record ${type.file}.${type.name}`);
    }
  };
  for (const file of files) {
    for (const record of file.records) {
      for (const field of record.fields) {
        visit(field.type, `${file.file}.jute: ${record.name}.${field.name}`);
      }
    }
  }
}

/** Generated text by file name, from schema text by file name. */
export function compile(schemas: ReadonlyMap<string, string>): Map<string, string> {
  const files = [...schemas].map(([file, text]) => new Parser(file, text).parse());
  checkReferences(files);
  return new Map(files.map((file) => [`${file.file}.ts`, printFile(file)]));
}

/** The schemas of this folder. */
export function readSchemas(): Map<string, string> {
  const names = readdirSync(HERE).filter((name) => name.endsWith(".jute")).sort();
  return new Map(names.map((name) => [name, readFileSync(join(HERE, name), "utf8")]));
}

/** Names of generated files that differ from what the schemas say now. */
export function staleFiles(generated: ReadonlyMap<string, string>): string[] {
  const there = existsSync(TARGET) ? readdirSync(TARGET) : [];
  const stale = [...generated].filter(([name, text]) =>
    !there.includes(name) || readFileSync(join(TARGET, name), "utf8") !== text
  ).map(([name]) => name);
  return [...stale, ...there.filter((name) => !generated.has(name))];
}

function main(args: readonly string[]): number {
  const generated = compile(readSchemas());
  const stale = staleFiles(generated);
  if (args.includes("--check")) {
    if (stale.length === 0) return 0;
    console.error(`stale: lib/records/{${stale.join(",")}}; run: deno task jute`);
    return 1;
  }
  mkdirSync(TARGET, { recursive: true });
  for (const name of stale) {
    const text = generated.get(name);
    if (text === undefined) rmSync(join(TARGET, name));
    else writeFileSync(join(TARGET, name), text);
    console.log(`lib/records/${name}${text === undefined ? " removed" : ""}`);
  }
  return 0;
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1]) {
  try {
    process.exit(main(process.argv.slice(2)));
  } catch (error) {
    if (!(error instanceof JuteError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
