// Paths (client.md 4.1, 4.3).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  nameOf,
  parentOf,
  sequenceSuffix,
  validatePartialPath,
  validatePath,
} from "../lib/tree/paths.ts";

describe("a valid path", () => {
  const good = [
    "/",
    "/a",
    "/a/b/c",
    "/.a",
    "/a.",
    "/...",
    "/..a",
    "/a..b",
    "/ ",
    "/é",
    "/\u007e",
    "/\u00a0",
    "/\ud7ff",
    "/\uf900",
    "/\uffef",
  ];
  for (const path of good) {
    test(`${JSON.stringify(path)} is one`, () => assert.equal(validatePath(path), null));
  }
});

describe("a refused path", () => {
  const bad: [path: string | null, why: RegExp][] = [
    [null, /null/],
    ["", /empty/],
    ["a", /start/],
    ["/a/", /ends/],
    ["//", /ends/],
    ["//a", /empty name/],
    ["/a//b", /empty name at 3/],
    ["/.", /relative/],
    ["/..", /relative/],
    ["/a/./b", /relative/],
    ["/a/../b", /relative/],
    ["/a/..", /relative/],
    ["/\u0000", /U\+0000/],
    ["/\u0001", /U\+0001/],
    ["/\u001f", /U\+001F/],
    ["/\u007f", /U\+007F/],
    ["/\u009f", /U\+009F/],
    ["/\ud800", /U\+D800/],
    ["/\u{1f600}", /U\+D83D/],
    ["/\ue000", /U\+E000/],
    ["/\uf8ff", /U\+F8FF/],
    ["/\ufff0", /U\+FFF0/],
    ["/\ufffd", /U\+FFFD/],
    ["/\uffff", /U\+FFFF/],
  ];
  for (const [path, why] of bad) {
    test(`${JSON.stringify(path)} says ${why}`, () => assert.match(validatePath(path) ?? "", why));
  }
});

test("the partial check only wants a slash and no U+0000", () => {
  assert.equal(validatePartialPath("a/b"), null);
  assert.equal(validatePartialPath("//"), null);
  assert.match(validatePartialPath("a") ?? "", /no \//);
  assert.match(validatePartialPath(null) ?? "", /no \//);
  assert.match(validatePartialPath("/a\0") ?? "", /U\+0000/);
});

test("a path is parent and name around its last slash", () => {
  assert.deepEqual([parentOf("/a/b"), nameOf("/a/b")], ["/a", "b"]);
  assert.deepEqual([parentOf("/a"), nameOf("/a")], ["", "a"]);
  assert.deepEqual([parentOf("/q/"), nameOf("/q/")], ["/q", ""]);
  assert.equal(parentOf("a"), null);
});

describe("a sequential suffix", () => {
  const rows: [cversion: number, suffix: string][] = [
    [0, "0000000000"],
    [3, "0000000003"],
    [2147483647, "2147483647"],
    [-3, "-000000003"],
    [-2147483648, "-2147483648"],
  ];
  for (const [cversion, suffix] of rows) {
    test(`of ${cversion} is ${suffix}`, () => assert.equal(sequenceSuffix(cversion), suffix));
  }
});
