// The stand-ins of lib/std: what zkpeer relies on of @std/bytes and @std/cli, told as rows, so that
// the published packages can take their place. Nothing here may ask for more than those promise.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { concat, equals } from "@std/bytes";
import { concat as concatAlone } from "@std/bytes/concat";
import { equals as equalsAlone } from "@std/bytes/equals";
import { parseArgs } from "@std/cli";
import { parseArgs as parseArgsAlone } from "@std/cli/parse-args";

const root = new URL("../", import.meta.url);
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

describe("concat", () => {
  it("joins arrays in order into a new array", () => {
    const first = bytes(1, 2);
    const joined = concat([first, bytes(), bytes(3)]);
    assert.deepEqual([...joined], [1, 2, 3]);
    first[0] = 9;
    assert.equal(joined[0], 1);
  });

  it("gives an empty array for no arrays", () => {
    assert.equal(concat([]).length, 0);
  });
});

describe("equals", () => {
  it("compares bytes, not objects, and looks at the whole length", () => {
    assert.equal(equals(bytes(1, 2, 3), bytes(1, 2, 3)), true);
    assert.equal(equals(bytes(), bytes()), true);
    assert.equal(equals(bytes(1, 2, 3), bytes(1, 2, 4)), false);
    assert.equal(equals(bytes(1, 2, 3), bytes(1, 2)), false);
  });

  it("sees only the window of a view", () => {
    assert.equal(equals(bytes(9, 1, 2, 9).subarray(1, 3), bytes(1, 2)), true);
  });
});

type Row = [
  name: string,
  args: string[],
  options: Parameters<typeof parseArgs>[1],
  want: Record<string, unknown>,
];

const ROWS: Row[] = [
  ["undeclared names take the next word", ["--a", "b", "-c", "d"], {}, { a: "b", c: "d", _: [] }],
  ["undeclared numbers become numbers", ["--a", "7", "-n5", "0x10"], {}, { a: 7, n: 5, _: [16] }],
  ["a boolean takes no word", ["--a", "b"], { boolean: ["a"] }, { a: true, _: ["b"] }],
  ["a boolean takes true and false", ["--a", "false"], { boolean: ["a"] }, { a: false, _: [] }],
  ["a boolean takes =false", ["--a=false"], { boolean: ["a"] }, { a: false, _: [] }],
  ["an absent boolean is false", [], { boolean: ["a"] }, { a: false, _: [] }],
  ["an absent string is absent", [], { string: ["a"] }, { _: [] }],
  ["a string keeps its digits", ["--a", "007"], { string: ["a"] }, { a: "007", _: [] }],
  ["a string without a word is empty", ["--a"], { string: ["a"] }, { a: "", _: [] }],
  ["a string does not take an option", ["--a", "--b"], { string: "a" }, { a: "", b: true, _: [] }],
  ["a value may hold =", ["--a=b=c"], { string: ["a"] }, { a: "b=c", _: [] }],
  ["an empty value is empty", ["--a="], { string: ["a"] }, { a: "", _: [] }],
  ["the last value wins", ["--a=1", "--a=2"], { string: ["a"] }, { a: "2", _: [] }],
  [
    "collected values keep their order",
    ["--a=1", "--a", "2"],
    { string: ["a"], collect: ["a"] },
    { a: ["1", "2"], _: [] },
  ],
  ["an absent collection is empty", [], { string: ["a"], collect: ["a"] }, { a: [], _: [] }],
  ["defaults fill in", [], { string: ["a"], default: { a: "x" } }, { a: "x", _: [] }],
  ["given beats default", ["--a=y"], { string: ["a"], default: { a: "x" } }, { a: "y", _: [] }],
  [
    "an alias sets every name of its group",
    ["-p", "1"],
    { string: ["port"], alias: { port: "p" } },
    { port: "1", p: "1", _: [] },
  ],
  [
    "--no-x denies what is negatable",
    ["--no-a", "--no-b"],
    { boolean: ["a"], negatable: ["a"] },
    { a: false, "no-b": true, _: [] },
  ],
  ["letters may be joined", ["-abc", "v"], { boolean: ["a"] }, { a: true, b: true, c: "v", _: [] }],
  ["words after -- are words", ["--a=1", "--", "--b"], {}, { a: 1, _: ["--b"] }],
  ["words after -- can be apart", ["x", "--", "-b"], { "--": true }, { _: ["x"], "--": ["-b"] }],
  [
    "stopEarly leaves all after the first word",
    ["--a=1", "run", "--b", "c"],
    { stopEarly: true, string: ["_"] },
    { a: 1, _: ["run", "--b", "c"] },
  ],
  ["words stay text when _ is a string", ["7"], { string: ["_"] }, { _: ["7"] }],
  ["a lone dash is a word", ["-"], {}, { _: ["-"] }],
  ["prototype names are ignored", ["--__proto__.x=1", "--constructor=2"], {}, { _: [] }],
];

describe("parseArgs", () => {
  for (const [name, args, options, want] of ROWS) {
    it(name, () => {
      assert.deepEqual(parseArgs(args, options), want);
    });
  }

  it("asks about what is not declared and leaves out what is refused", () => {
    const heard: unknown[][] = [];
    const parsed = parseArgs(["--known", "--odd", "-z", "word"], {
      boolean: ["known"],
      unknown: (...what: unknown[]) => {
        heard.push(what);
        return false;
      },
    });
    assert.deepEqual(parsed, { known: true, _: [] });
    assert.deepEqual(heard, [["--odd", "odd", true], ["-z", "z", "word"]]);
  });

  it("types declared names", () => {
    const parsed = parseArgs(["--port=1", "--set=a", "-v"], {
      string: ["port", "set", "host"],
      collect: ["set"],
      boolean: ["v"],
      default: { host: "h" },
    });
    const port: string | undefined = parsed.port;
    const set: string[] = parsed.set;
    const host: string = parsed.host;
    const loud: boolean = parsed.v;
    assert.deepEqual([port, set, host, loud], ["1", ["a"], "h", true]);
  });
});

describe("the stand-ins", () => {
  it("are what both runtimes resolve the package names to", () => {
    assert.equal(concatAlone, concat);
    assert.equal(equalsAlone, equals);
    assert.equal(parseArgsAlone, parseArgs);
  });

  it("have a version that the import range admits", () => {
    const config = JSON.parse(readFileSync(new URL("deno.json", root), "utf8"));
    for (const name of ["bytes", "cli"]) {
      const link = JSON.parse(readFileSync(new URL(`lib/std/${name}/deno.json`, root), "utf8"));
      const range = /@\^(\d+)\.(\d+)\.(\d+)$/.exec(config.imports[link.name]);
      assert.ok(range, `deno.json imports ${link.name} by a caret range`);
      const [major, minor, patch] = link.version.split(".").map(Number);
      assert.equal(major, Number(range[1]));
      const admitted = minor > Number(range[2]) ||
        (minor === Number(range[2]) && patch >= Number(range[3]));
      assert.ok(admitted, `${link.name} ${link.version} is within ${range[0]}`);
      for (const file of Object.values<string>(link.exports)) {
        assert.ok(existsSync(new URL(`lib/std/${name}/${file}`, root)), `${link.name} has ${file}`);
      }
    }
  });
});
