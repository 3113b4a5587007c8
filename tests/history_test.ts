// The judges of histories: what each promise forbids is found, and a history that keeps them all is
// not complained of.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SessionId } from "../lib/base/ids.ts";
import type { Stat } from "../lib/records/data.ts";
import { judge } from "../lib/sim/history.ts";
import { type EndNode, judgeLost, judgeNodes, judgeRefusals } from "../lib/sim/history_effects.ts";
import { beginOp, type Op } from "../lib/sim/op.ts";
import { statWith } from "./support/stat.ts";

const SESSION = 7n as SessionId;
const ONE = { name: "a server" };
const OTHER = { name: "another" };

const statOf = (mzxid: bigint, version = 0): Stat =>
  statWith({ czxid: 1n, mzxid, version, pzxid: 1n });

/** One op after the other, of one session, each a second long and answered at its zxid. */
function history(...parts: readonly Partial<Op>[]): Op[] {
  return parts.map((part, turn) => {
    const asked = { client: 1, turn, session: SESSION, kind: "set", path: "/r0" } as const;
    const begun = beginOp({ ...asked, value: null, began: turn, afterSync: null, server: ONE });
    return { ...begun, ended: turn + 0.5, outcome: "ok", ...part };
  });
}

const set = (
  value: string,
  zxid: bigint,
  version: number,
  more: Partial<Op> = {},
): Partial<Op> => ({
  kind: "set",
  value,
  zxid,
  stat: statOf(zxid, version),
  ...more,
});

const get = (value: string, at: bigint, stat: Stat, more: Partial<Op> = {}): Partial<Op> => ({
  kind: "get",
  value,
  zxid: at,
  stat,
  ...more,
});

const made = (path: string, value: string, zxid: bigint, more: Partial<Op> = {}): Partial<Op> => ({
  kind: "create",
  path,
  made: path,
  value,
  zxid,
  ...more,
});

const lost = (op: Partial<Op>): Partial<Op> => ({
  ...op,
  outcome: "lost",
  zxid: -1n,
  made: null,
  stat: null,
});

const node = (path: string, value: string, mzxid: bigint): EndNode => ({
  path,
  value,
  stat: statOf(mzxid),
});

describe("histories of a register", () => {
  const end = (value: string, zxid: bigint, version: number) =>
    new Map([["/r0", { value, stat: statOf(zxid, version) }]]);
  const ROWS: readonly (readonly [string, Op[], ReturnType<typeof end>, RegExp | null])[] = [
    ["in order", history(set("a", 2n, 1), set("b", 3n, 2)), end("b", 3n, 2), null],
    [
      "with a write whose answer was lost",
      history(set("a", 2n, 1), lost(set("b", 3n, 2))),
      end("b", 3n, 2),
      null,
    ],
    ["that lost a write", history(set("a", 2n, 1), set("b", 3n, 2)), end("a", 2n, 1), /it is lost/],
    [
      "with one version twice",
      history(set("a", 2n, 1), set("b", 3n, 1)),
      end("b", 3n, 1),
      /version 1 was given to/,
    ],
    ["with a write done twice", history(set("a", 2n, 1)), end("a", 3n, 2), /nobody asked for/],
    [
      "that holds what was refused",
      history(set("a", 2n, 1, { outcome: "error", stat: null }), lost(set("b", 3n, 1))),
      end("a", 2n, 1),
      /which nobody wrote/,
    ],
    [
      "where what was refused is read",
      history(
        set("a", 2n, 1, { outcome: "error", stat: null }),
        get("a", 2n, statOf(2n, 1)),
        lost(set("b", 3n, 2)),
        lost(set("c", 4n, 3)),
      ),
      end("c", 4n, 2),
      /read a, which nobody wrote/,
    ],
    [
      "not in the order of time",
      history(set("b", 3n, 2), set("a", 2n, 1)).map((op, client) => ({ ...op, client })),
      end("b", 3n, 2),
      /ended before .* began, but is after it/,
    ],
    [
      "read from the past within a session",
      history(set("a", 2n, 1), get("", 2n, statOf(1n))),
      end("a", 2n, 1),
      /older than/,
    ],
    [
      "read from the past behind a sync",
      history(set("a", 2n, 1), get("", 1n, statOf(1n), { afterSync: 0.8, client: 2 })),
      end("a", 2n, 1),
      /behind a sync missed/,
    ],
    [
      "with zxids that go back within a session",
      history(set("a", 2n, 1), { kind: "sync", zxid: 1n }),
      end("a", 2n, 1),
      /has zxid 1, below 2/,
    ],
    [
      "with a sequential name given twice",
      history(
        made("/q/s-1", "x", 2n, { kind: "sequence", path: "/q/s-" }),
        made("/q/s-1", "y", 3n, { kind: "sequence", path: "/q/s-" }),
      ),
      new Map(),
      /was given to/,
    ],
  ];
  for (const [what, ops, final, wrong] of ROWS) {
    it(`${what}: ${wrong === null ? "no complaint" : "found"}`, () => {
      const found = judge(ops, final).join("\n");
      if (wrong === null) assert.equal(found, "");
      else assert.match(found, wrong);
    });
  }
});

describe("what became of nodes", () => {
  const gone = { kind: "delete", path: "/n/a", zxid: 3n } as const;
  const sequence = made("/q/s-1", "a", 2n, { kind: "sequence", path: "/q/s-" });
  const ephemeral = made("/n/e", "e", 2n, { kind: "ephemeral" });
  const ROWS: readonly (readonly [string, Op[], EndNode[], RegExp | null])[] = [
    ["there", history(made("/n/a", "a", 2n)), [node("/n/a", "a", 2n)], null],
    ["there or not when nobody knows", history(lost(made("/n/a", "a", 2n))), [], null],
    ["deleted", history(made("/n/a", "a", 2n), gone), [], null],
    ["not there", history(made("/n/a", "a", 2n)), [], /\/n\/a is lost/],
    ["with other data", history(made("/n/a", "a", 2n)), [node("/n/a", "b", 2n)], /is lost/],
    [
      "made twice",
      history(sequence),
      [node("/q/s-1", "a", 2n), node("/q/s-2", "a", 3n)],
      /hold the value of one write/,
    ],
    ["elsewhere", history(sequence), [node("/q/s-2", "a", 2n)], /made \/q\/s-1, but it is at/],
    [
      "refused and there",
      history(made("/n/a", "a", 2n, { outcome: "error" })),
      [node("/n/a", "a", 2n)],
      /was refused/,
    ],
    [
      "deleted and there",
      history(made("/n/a", "a", 2n), gone),
      [node("/n/a", "a", 2n)],
      /was deleted and is there/,
    ],
    ["of nobody", [], [node("/n/a", "a", 2n)], /which? ?nobody wrote|what nobody wrote/],
    ["of a session that lives, gone", history(ephemeral), [], /\/n\/e is lost/],
    [
      "of a session that is over",
      history({ ...ephemeral, session: 8n as SessionId }),
      [node("/n/e", "e", 2n)],
      /outlives its session/,
    ],
  ];
  for (const [what, ops, nodes, wrong] of ROWS) {
    it(`${what}: ${wrong === null ? "no complaint" : "found"}`, () => {
      const found = judgeNodes(ops, nodes, new Set([SESSION])).join("\n");
      if (wrong === null) assert.equal(found, "");
      else assert.match(found, wrong);
    });
  }
});

describe("a refusal", () => {
  const gone = { kind: "delete", path: "/n/a", zxid: 3n } as const;
  const refused = (kind: Op["kind"], err: number, more: Partial<Op> = {}): Partial<Op> => ({
    kind,
    path: "/n/a",
    outcome: "error",
    err,
    ...more,
  });
  const multi = (isDoomed: boolean): Partial<Op> => ({ kind: "multi", isDoomed });
  const ROWS: readonly (readonly [string, Op[], RegExp | null])[] = [
    ["of what can be done", history(refused("set", -101)), /was refused: NONODE/],
    ["of a read", history(refused("get", -4)), /was refused/],
    ["of a node that is there", history(refused("delete", -101)), /was refused/],
    ["of what was deleted", history(gone, refused("delete", -101)), null],
    [
      "of what may be deleted",
      history({ ...gone, outcome: "lost" }, refused("delete", -101)),
      null,
    ],
    ["for another reason", history(gone, refused("delete", -110)), /was refused: NODEEXISTS/],
    ["that must come", history({ ...multi(true), outcome: "error", err: -103 }), null],
    ["that must come and does not", history(multi(true)), /was done, and cannot be/],
    [
      "that must not come",
      history({ ...multi(false), outcome: "error", err: -103 }),
      /was refused/,
    ],
    ["nobody knows of", history({ ...multi(true), outcome: "lost" }), null],
  ];
  for (const [what, ops, wrong] of ROWS) {
    it(`${what}: ${wrong === null ? "no complaint" : "found"}`, () => {
      const found = judgeRefusals(ops).join("\n");
      if (wrong === null) assert.equal(found, "");
      else assert.match(found, wrong);
    });
  }
});

describe("a write whose answer was lost", () => {
  const a = lost(made("/n/a", "a", 0n));
  const nodes = [node("/n/a", "a", 5n)];
  const read = (zxid: bigint, more: Partial<Op> = {}) => get("", zxid, statOf(1n), more);
  const ROWS: readonly (readonly [string, Op[], RegExp | null])[] = [
    ["behind what came before it", history(read(4n), a, read(5n)), null],
    ["was done before what came before it", history(set("b", 5n, 1), a), /is before .* of 5/],
    ["was done behind a read of its server", history(a, read(4n)), /answered at 4, before/],
    [
      "was done behind a read that found nothing",
      history(a, read(4n, { outcome: "error", stat: null })),
      /answered at 4, before/,
    ],
    ["was done behind a read elsewhere", history(a, read(4n, { server: OTHER })), null],
    [
      "was done behind a write elsewhere",
      history(a, set("b", 4n, 1, { server: OTHER })),
      /answered at 4, before/,
    ],
    ["was done behind another session's write", history(a, set("b", 4n, 1, { client: 2 })), null],
    [
      "was done before another that was lost",
      history(a, lost(made("/n/b", "b", 0n))),
      /whose answer was lost, is before/,
    ],
    [
      "is of a value that another op wrote too",
      history(a, lost(made("/n/b", "a", 0n)), read(4n)),
      null,
    ],
  ];
  for (const [what, ops, wrong] of ROWS) {
    it(`${what}: ${wrong === null ? "no complaint" : "found"}`, () => {
      const found = judgeLost(ops, [...nodes, node("/n/b", "b", 4n)]).join("\n");
      if (wrong === null) assert.equal(found, "");
      else assert.match(found, wrong);
    });
  }
});
