// The house keeps its rules: imports go inward, nothing below the shell knows time or promises, files
// stay readable, generated code is fresh. The rules are in support/house.ts; each one is also shown a
// source that breaks it, so that this test can fail.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { compile, readSchemas, staleFiles } from "../jute/compile.ts";
import {
  banFindings,
  blank,
  type Finding,
  headFindings,
  hostFindings,
  importFindings,
  LINES_AIM,
  LINES_MAX,
  sizeFindings,
} from "./support/house.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const SOURCES = ["lib", "jute", "tests", "bench"];
const TEXTS = [...SOURCES, "fixtures", ".ci"];

/** Files that may be longer or unusual, each with its reason. */
const EXCEPTIONS: Readonly<Record<string, { linesMax?: number; why: string }>> = {};

const isGenerated = (path: string): boolean => path.startsWith("lib/records/");

function* walk(folder: string): Generator<string> {
  if (!existsSync(root + folder)) return;
  for (const entry of readdirSync(root + folder, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name === ".cache") continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* walk(path);
    else if (entry.isFile()) yield path;
  }
}

const sources = [...SOURCES.flatMap((folder) => [...walk(folder)]), "mod.ts"]
  .filter((path) => path.endsWith(".ts") && existsSync(root + path))
  .map((path) => {
    const source = readFileSync(root + path, "utf8");
    return { path, source, code: blank(source) };
  });

function none(findings: readonly Finding[]): void {
  const lines = findings.map(({ path, line, message }) => `${path}:${line}: ${message}`);
  assert.deepEqual(lines, [], `${lines.length} against the house rules:\n${lines.join("\n")}`);
}

describe("the house", () => {
  it("has sources to look at", () => {
    assert.ok(sources.length > 20, `only ${sources.length} sources found under ${root}`);
  });

  it("imports go inward", () => {
    none(sources.flatMap(({ path, source, code }) => importFindings(path, source, code)));
  });

  it("nothing below the shell knows time, chance or promises, and all types can be stripped", () => {
    none(sources.flatMap(({ path, source, code }) => banFindings(path, source, code)));
  });

  it("files and lines stay readable", (t) => {
    const own = sources.filter(({ path }) => !isGenerated(path));
    none(own.flatMap(({ path, source }) => {
      // Tables of cases make tests long; they are read row by row.
      const most = path.startsWith("tests/") ? 1000 : EXCEPTIONS[path]?.linesMax ?? LINES_MAX;
      return sizeFindings(path, source, most);
    }));
    for (const { path, source } of own) {
      const lines = source.split("\n").length - 1;
      if (lines > LINES_AIM && !path.startsWith("tests/")) {
        t.diagnostic(`${path} has ${lines} lines, the aim is ${LINES_AIM}`);
      }
    }
  });

  it("files open with what they decide", () => {
    // A test says by its titles what it is about.
    const told = sources.filter(({ path }) => !/^tests\/\w+_test\.ts$/.test(path));
    none(told.flatMap(({ path, source }) => headFindings(path, source)));
  });

  it("exceptions are for files that exist and still need them", () => {
    for (const [path, { why, linesMax }] of Object.entries(EXCEPTIONS)) {
      const found = sources.find((source) => source.path === path);
      assert.ok(found && why.length > 10, path);
      if (linesMax === undefined) continue;
      assert.ok(found.source.split("\n").length > LINES_MAX, `${path} needs no exception any more`);
    }
  });

  it("no file names a registry's host", () => {
    const top = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isFile()).map((entry) => entry.name);
    const paths = [...top, ...TEXTS.flatMap((folder) => [...walk(folder)])];
    const texts = paths.filter((path) => /\.(ts|jute|json|md|txt|lock|ya?ml|sh|npmrc)$/.test(path));
    none(texts.flatMap((path) => hostFindings(path, readFileSync(root + path, "utf8"))));
  });

  it("generated records are fresh", () => {
    const stale = staleFiles(compile(readSchemas()));
    assert.deepEqual(stale, [], "run `deno task jute` and commit what it writes");
  });
});

describe("the rules", () => {
  const said = (findings: readonly Finding[]): string =>
    findings.map(({ line, message }) => `${line}: ${message}`).join("\n");

  const IMPORTS: [path: string, source: string, want: RegExp | null][] = [
    ["lib/tree/a.ts", 'import { b } from "../zab/b.ts";', /1: .*goes up/],
    ["lib/tree/a.ts", 'import { b } from "../wire/b.ts";', /sideways/],
    ["lib/store/a.ts", 'import { b } from "../tree/b.ts";', null],
    ["lib/wire/a.ts", '\nexport * from "../peer/b.ts";', /2: .*goes up/],
    ["lib/wire/a.ts", 'const b = import("../cli/b.ts");', /may not import lib\/cli/],
    ["lib/zab/a.ts", 'import type { Network } from "../ports.ts";', /only drivers see ports/],
    ["lib/zab/a.ts", 'import type { Instant, Millis } from "../ports.ts";', null],
    ["lib/zab/a.ts", 'import {\n  type Instant,\n} from "../ports.ts";', null],
    ["lib/peer/driver.ts", 'import type { Network } from "../ports.ts";', null],
    ["lib/sim/a.ts", 'import { b } from "../host/b.ts";', /may not import lib\/host/],
    ["lib/host/a.ts", 'import { b } from "../wire/b.ts";', /may not import lib\/wire/],
    ["lib/base/a.ts", 'import { b } from "../codec/b.ts";', /goes up/],
    ["lib/novel/a.ts", 'import { b } from "../base/b.ts";', /no row in the import table/],
    ["lib/tree/a.ts", 'import { b } from "../../tests/b.ts";', /lib imports only lib/],
    ["lib/tree/a.ts", 'import { b } from "./b";', /must name a \.ts file/],
    ["lib/tree/a.ts", 'import { b } from "node:fs";', /node:fs belongs to/],
    ["lib/tree/a.ts", 'import { b } from "node:crypto";', /node:crypto belongs to/],
    ["lib/tree/a.ts", 'import { b } from "node:buffer";', null],
    ["lib/tree/a.ts", 'import { z } from "zod";', /zod belongs to/],
    ["lib/peer/config_values.ts", 'import { z } from "zod";', null],
    ["lib/cli/a.ts", 'import b from "lodash";', /unknown package/],
    ["jute/a.ts", 'import { b } from "../lib/base/b.ts";', /jute imports nothing/],
    ["lib/tree/a.ts", '// import { b } from "../cli/b.ts";\nconst s = "import x from y";', null],
  ];
  for (const [path, source, want] of IMPORTS) {
    it(`${want === null ? "allow" : "refuse"} in ${path}: ${source.trim()}`, () => {
      const text = said(importFindings(path, source));
      if (want === null) assert.equal(text, "");
      else assert.match(text, want);
    });
  }

  const BANS: [path: string, source: string, want: RegExp | null][] = [
    ["lib/zab/a.ts", "const now = Date.now();", /no clock/],
    ["lib/zab/a.ts", "setTimeout(f, 1);", /no clock/],
    ["lib/zab/a.ts", "const e = process.env;", /no clock/],
    ["lib/zab/a.ts", "const n = Math.random();", /no randomness/],
    ["lib/host/a.ts", "const n = Math.random(); setTimeout(f, 1);", null],
    ["lib/zab/a.ts", "async function f() {}", /no promise/],
    ["lib/zab/a.ts", "let p: Promise<void>;", /no promise/],
    ["lib/client/client.ts", "async function f() { await g(); }", null],
    ["lib/zab/a.ts", "this.process(x); // Date, any and x!.y\nconst t = 'Date.now()';", null],
    ["lib/zab/a.ts", "let x: any;", /no any/],
    ["lib/zab/a.ts", "const x = y as any;\nlet z: any[] = f<any>();", /1: no any[^]*2: no any/],
    ["lib/zab/a.ts", "const any = 1; f(x, any); list.any(x);", null],
    ["lib/zab/a.ts", "f(x!.y);", /no non-null/],
    ["lib/zab/a.ts", "const y = list[0]!;", /no non-null/],
    ["lib/zab/a.ts", "if (!x && a !== b && c != d) return !y;", null],
    ["lib/zab/a.ts", "export enum Color { Red }", /no enum/],
    ["lib/zab/a.ts", "namespace N { }", /no namespace/],
    ["lib/zab/a.ts", "export default 1;", /no default export/],
    ["lib/zab/a.ts", "class C { constructor(readonly x: number) {} }", /no parameter property/],
    ["lib/zab/a.ts", "class C { constructor(x: number, y: readonly string[]) {} }", null],
    ["lib/zab/a.ts", "try { f(); } catch { }", /no empty catch/],
    ["lib/zab/a.ts", "const s = `Date ${Date.now()} any`;", /no clock/],
    ["lib/zab/a.ts", "const s = `Date ${`x! ${a}`} Promise`;", null],
  ];
  for (const [path, source, want] of BANS) {
    it(`${want === null ? "allow" : "refuse"} in ${path}: ${source}`, () => {
      const text = said(banFindings(path, source));
      if (want === null) assert.equal(text, "");
      else assert.match(text, want);
    });
  }

  it("refuse long files, long lines, files without a head, and registry hosts", () => {
    assert.match(said(sizeFindings("lib/a.ts", "x\n".repeat(LINES_MAX + 1))), /cut it/);
    assert.equal(said(sizeFindings("lib/a.ts", "x\n".repeat(LINES_MAX))), "");
    assert.match(said(sizeFindings("lib/a.ts", `const a = ${"b + ".repeat(30)}c;`)), /columns/);
    assert.match(said(headFindings("lib/a.ts", "const a = 1;")), /opens with/);
    assert.equal(said(headFindings("lib/a.ts", "// Says what it decides.\n")), "");
    assert.match(said(hostFindings("a.json", `see ${["jsr", "io"].join(".")}/@a/b`)), /registry/);
  });

  it("blank what is no code and keep every place", () => {
    const source = "a /* b */ 'c' // d\n`e${f}g`; (/h[/]i/.test(j)) / k / l";
    const code = blank(source);
    assert.equal(code.length, source.length);
    assert.equal(code.replace(/\s+/g, " "), "a ' ' ` ${f} `; (/ /.test(j)) / k / l");
  });
});
