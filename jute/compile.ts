// The Jute compiler: jute/*.jute in, lib/records/*.ts out. For every record: its interface, readX,
// writeX, its Shape and the three as a Codec. Output depends on the schemas only and is
// byte-stable.
//
//   deno task jute            writes what changed
//   deno task jute --check    exits 1 when a generated file is stale
//
// Runs of fixed fields are read and written behind one check of bounds. Reading schemas: parse.ts.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  JuteError,
  type JuteField,
  type JuteFile,
  type JuteRecord,
  type JuteType,
  parseSchema,
} from "./parse.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, "..", "lib", "records");

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

/** Width and DataView accessor of fields of fixed size; a byte of a boolean is read by itself. */
const FIXED: Readonly<Record<string, { readonly width: number; readonly accessor: string }>> = {
  byte: { width: 1, accessor: "Int8" },
  boolean: { width: 1, accessor: "Int8" },
  int: { width: 4, accessor: "Int32" },
  long: { width: 8, accessor: "BigInt64" },
  float: { width: 4, accessor: "Float32" },
  double: { width: 8, accessor: "Float64" },
};

/** Fields that are read and written together: all of fixed size, or a single one of any kind. */
interface Run {
  readonly fields: JuteField[];
  /** Bytes of a run of fixed fields; 0 for a field on its own. */
  readonly width: number;
}

const widthOf = (type: JuteType): number =>
  type.kind === "primitive" ? FIXED[type.name]?.width ?? 0 : 0;

/** Two or more fixed fields in a row are worth one check of bounds instead of one each. */
function runsOf(record: JuteRecord): Run[] {
  const runs: Run[] = [];
  let fixed: JuteField[] = [];
  const flush = (): void => {
    const width = fixed.reduce((sum, field) => sum + widthOf(field.type), 0);
    if (fixed.length > 1) runs.push({ fields: fixed, width });
    else if (fixed.length === 1) runs.push({ fields: fixed, width: 0 });
    fixed = [];
  };
  for (const field of record.fields) {
    if (widthOf(field.type) > 0) {
      fixed.push(field);
      continue;
    }
    flush();
    runs.push({ fields: [field], width: 0 });
  }
  flush();
  return runs;
}

/** `at + 4`, or `at` alone. */
const offset = (name: string, by: number): string => by === 0 ? name : `${name} + ${by}`;

/** Each field of a run with the place where its bytes are. */
function placed(run: Run, start: string): { name: string; kind: string; at: string }[] {
  let by = 0;
  return run.fields.map(({ name, type }) => {
    const at = offset(start, by);
    by += widthOf(type);
    return { name, kind: type.kind === "primitive" ? type.name : "", at };
  });
}

function printWriter(name: string, runs: readonly Run[]): string[] {
  const lines = [`export function write${name}(out: Output, r: ${name}): void {`];
  let fixed = 0;
  for (const run of runs) {
    if (run.width === 0) {
      const [{ name: field, type }] = run.fields;
      lines.push(`  ${writerOf(type, "out", `r.${field}`)};`);
      continue;
    }
    fixed += 1;
    const start = `at${fixed === 1 ? "" : fixed}`;
    const view = `view${fixed === 1 ? "" : fixed}`;
    lines.push(`  const ${start} = out.run(${run.width});`, `  const ${view} = out.dataView;`);
    for (const { name: field, kind, at } of placed(run, start)) {
      const value = kind === "boolean" ? `r.${field} ? 1 : 0` : `r.${field}`;
      lines.push(`  ${view}.set${FIXED[kind].accessor}(${at}, ${value});`);
    }
  }
  return [...lines, "}"];
}

/** What is read before a later run of fixed fields goes through a constant, to keep the order. */
function printReader(name: string, runs: readonly Run[]): string[] {
  const lines = [`export function read${name}(input: Input): ${name} {`];
  const last = runs.findLastIndex((run) => run.width > 0);
  const values: string[] = [];
  let fixed = 0;
  for (const [index, run] of runs.entries()) {
    if (run.width === 0) {
      const [{ name: field, type }] = run.fields;
      const value = readerOf(type, "input");
      if (index < last) lines.push(`  const ${field} = ${value};`);
      values.push(index < last ? `    ${field},` : `    ${field}: ${value},`);
      continue;
    }
    fixed += 1;
    const start = `at${fixed === 1 ? "" : fixed}`;
    lines.push(`  const ${start} = input.run(${run.width});`);
    for (const { name: field, kind, at } of placed(run, start)) {
      const value = `view.get${FIXED[kind].accessor}(${at})`;
      values.push(`    ${field}: ${kind === "boolean" ? `${value} !== 0` : value},`);
    }
  }
  if (last >= 0) lines.push("  const view = input.dataView;");
  return [...lines, "  return {", ...values, "  };", "}"];
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
  const runs = runsOf(record);
  lines.push(...printWriter(name, runs), ...printReader(name, runs));
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
  const files = [...schemas].map(([file, text]) => parseSchema(file, text));
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
