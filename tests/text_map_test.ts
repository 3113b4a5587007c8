// The map behind watches, access lists, quotas and crowded paths, whatever words clients choose.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AclStore, OPEN_ACL_ID } from "../lib/tree/acl_store.ts";
import { Crowd } from "../lib/tree/crowd.ts";
import { TextMap } from "../lib/tree/text_map.ts";
import { type Watcher, Watches } from "../lib/tree/watches.ts";
import { isBrisk } from "./support/brisk.ts";
import { acl, seeded } from "./support/tree_txns.ts";

const HASHED_MAX = 16_383;
const COUNT = 1500;

/** Different texts of one length, longer than what the runtime hashes. */
const longTexts = (): string[] => {
  const same = `/${"x".repeat(HASHED_MAX)}`;
  return Array.from({ length: COUNT }, (_, i) => flat(same + String(i).padStart(6, "0")));
};

/** As a decoder gives it: not the parts that it was put together from. */
const flat = (text: string): string => new TextDecoder().decode(new TextEncoder().encode(text));

describe("a map by text", () => {
  test("does what the runtime's own does, however long the texts are", () => {
    const below = seeded(7);
    const texts = ["", "a", "/", "é", "\ud800", "\ud83d\ude00"];
    for (const length of [8191, 8192, 8193, 16_384, 16_385, 24_576, 30_000]) {
      for (const last of ["", "a", "b", "é"]) texts.push("p".repeat(length) + last);
      texts.push("q".repeat(length), "p".repeat(length - 4) + "\ud83d\ude00");
    }
    const map = new TextMap<number>();
    const model = new Map<string, number>();
    for (let i = 0; i < 4000; i++) {
      const text = texts[below(texts.length)];
      if (below(2) === 0) {
        map.set(text, i);
        model.set(text, i);
      } else assert.equal(map.delete(text), model.delete(text));
      assert.equal(map.size, model.size);
      assert.equal(map.get(text), model.get(text));
      if (i % 100 === 0) {
        for (const each of texts) assert.equal(map.has(each), model.has(each));
        const inOrder = (values: Iterable<number>) => [...values].sort((a, b) => a - b);
        assert.deepEqual(inOrder(map.values()), inOrder(model.values()));
      }
    }
    map.clear();
    assert.deepEqual([map.size, [...map.values()], map.get(texts[1])], [0, [], undefined]);
  });
});

describe("very many long texts of one length cost no look a walk over all of them", () => {
  test("as paths with watches", () => {
    const paths = longTexts();
    const watcher: Watcher = { notify() {}, canRead: () => true };
    isBrisk(3000, () => {
      const watches = new Watches();
      return () => {
        for (const path of paths) watches.add(path, watcher, 0);
        for (const path of paths) watches.changed(path, 1n, null);
        watches.drop(watcher);
        assert.equal(watches.data.pathCount, 0);
      };
    });
  });

  test("as access lists", () => {
    const lists = longTexts().map((id) => acl(31, "digest", id));
    isBrisk(3000, () => {
      const store = new AclStore();
      return () => {
        const ids = lists.map((list) => store.use(list));
        assert.equal(new Set(ids).size, COUNT);
        for (const id of ids) store.drop(id);
        assert.deepEqual([store.size, store.use(null)], [0, OPEN_ACL_ID]);
      };
    });
  });

  test("as paths whose checksums meet", () => {
    const paths = longTexts();
    isBrisk(3000, () => {
      const crowd = new Crowd();
      return () => {
        for (const [i, path] of paths.entries()) crowd.add(path, 1, i + 1);
        for (const [i, path] of paths.entries()) assert.equal(crowd.get(path), i + 1);
        for (const [i, path] of paths.entries()) assert.ok(crowd.remove(path, 1, i + 1));
        assert.equal(crowd.size, 0);
      };
    });
  });
});
