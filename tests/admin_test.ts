// The AdminServer's pages as text from state: commands and aliases, layout, who may do what, limits.
// What a real server answers over HTTP is in admin_port_test.ts, next to Java in interop_admin_test.ts.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FourLetterWords } from "../lib/admin/four_letter.ts";
import { fields, jsonText } from "../lib/admin/json.ts";
import { Metrics } from "../lib/admin/metrics.ts";
import { callerOf, refusalOf } from "../lib/admin/page_auth.ts";
import type { MemberView, PagesView } from "../lib/admin/page_views.ts";
import { AdminPages, type Page, type PageRequest, type PagesOptions } from "../lib/admin/pages.ts";
import { DEFAULT_AUTH, digestIdOf } from "../lib/auth/mod.ts";
import { withoutSecrets } from "../lib/peer/config_secrets.ts";
import type { ACL } from "../lib/records/data.ts";
import { OpCode } from "../lib/txn/opcodes.ts";
import { FakeServer } from "./support/fake_server.ts";

const OPTIONS: PagesOptions = {
  commandUrl: "/commands",
  auth: DEFAULT_AUTH,
  snapshotEnabled: true,
  restoreEnabled: true,
  serializeLastZxid: true,
  rateLimitIntervalMs: 300_000,
  useForwardedFor: false,
};
const ANYBODY = { authorization: "digest a:b" };
const BODY = { ...ANYBODY, "content-length": "9" };

class World {
  readonly metrics = new Metrics();
  readonly words = new FourLetterWords("*", false);
  readonly pages: AdminPages;
  member: MemberView | null = null;
  now = 1000;
  readonly #server: FakeServer | null;

  constructor(server: FakeServer | null, options: Partial<PagesOptions> = {}) {
    this.#server = server;
    this.pages = new AdminPages({ ...OPTIONS, ...options }, this.words, this.now);
  }

  view(): PagesView {
    const serving = this.#server?.server.inspection ?? null;
    return {
      version: "3.9.5-test, built on 11/21/2026 00:00 GMT",
      serving,
      metrics: this.metrics,
      member: this.member,
      slowFlushes: 3,
      gauges: () => serving?.gauges() ?? [["peer_state", "looking"]],
      environment: () => [["host.name", "here"]],
      settings: () => [],
      membership: () => null,
      sizes: () => ({ data: 10, log: 20 }),
      configuration: () => [["client_port", 2181], ["data_dir", "/d"]],
      initialConfiguration: () => "a=b\n",
      properties: () => [["zookeeper.b", "2"], ["a", "1"]],
      lastSnapshot: () => ({ zxid: 0x1fn, seconds: 1_700_000_000 }),
    };
  }

  ask(target: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Page {
    const request: PageRequest = {
      method,
      target,
      headers: new Map(Object.entries(headers)),
      remote: "10.0.0.7",
    };
    return this.pages.answer(request, this.view(), this.now);
  }

  /** The JSON of a command, with its status when that is not 200. */
  json(command: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): unknown {
    const page = this.ask(`/commands/${command}`, headers, method);
    assert.ok(page.kind === "json", `${command} is a ${page.kind}`);
    const body: unknown = JSON.parse(jsonText(page.body));
    return page.status === 200 ? body : [page.status, body];
  }
}

/** One client with a session, a watch and an ephemeral. */
function world(options: Partial<PagesOptions> = {}): World {
  const server = new FakeServer();
  const client = server.connect();
  client.create("/app");
  client.create("/app/eph", "", 1);
  client.read(OpCode.exists, "/app", true);
  return new World(server, options);
}

const member: MemberView = {
  sid: 2n,
  isLeader: true,
  leader: 2n,
  leaderHosts: ["10.0.0.2", "10.1.0.2"],
  zabState: "broadcast",
  lastZxid: 0x300000007n,
  quorum: [{ host: "10.0.0.2", port: 2888 }],
  election: [{ host: "fe80::2", port: 3888 }],
  client: null,
  isVoter: true,
  voters: () => [
    { sid: 2n, quorum: [{ host: "10.0.0.2", port: 2888 }], election: [], client: null },
  ],
  observers: () => [
    {
      sid: 9n,
      remote: "10.0.0.9:4000",
      isSynced: true,
      established: 1_700_000_000_000,
      queuedBytes: 0,
      received: 5,
      sent: 6,
      requests: 1,
      lastZxid: 0x300000007n,
    },
  ],
  resetObservers: () => {},
};

describe("the JSON", () => {
  it("has Java's layout, order and whole numbers", () => {
    const value = fields(
      ["list", [1, fields(["a", true]), [], "x"]],
      ["id", 72_057_681_426_644_992n],
      ["none", null],
      ["mean", { double: 3 }],
      ["empty", fields()],
      ["text", 'quote " and\ttab'],
    );
    assert.equal(
      jsonText(value),
      `{
  "list" : [ 1, {
    "a" : true
  }, [ ], "x" ],
  "id" : 72057681426644992,
  "none" : null,
  "mean" : 3.0,
  "empty" : { },
  "text" : "quote \\" and\\ttab"
}`,
    );
  });
});

describe("the index", () => {
  for (const target of ["/commands", "/commands/", "/commands?x=1"]) {
    it(`lists the primary names in order at ${target}`, () => {
      const page = world().ask(target);
      assert.ok(page.kind === "text" && page.status === 200);
      const names = [...page.text.matchAll(/<a href="\/commands\/(\w+)">\1<\/a>\n<br\/>\n/g)]
        .map(([, name]) => name);
      assert.deepEqual(names, names.toSorted());
      assert.equal(names.length, 29);
      assert.equal(page.text.replaceAll(/<a href="[^"]*">\w+<\/a>\n<br\/>\n/g, ""), "");
    });
  }
  it("stands where admin.commandURL says, and nothing elsewhere", () => {
    const moved = world({ commandUrl: "/zk" });
    const page = moved.ask("/zk");
    assert.ok(page.kind === "text" && page.text.includes('href="/zk/ruok"'));
    for (const target of ["/commands", "/", "/zkk", "/commands/ruok"]) {
      const page = moved.ask(target);
      assert.ok(page.kind === "text" && page.status === 404, target);
    }
    const root = new World(new FakeServer(), { commandUrl: "/" });
    assert.equal(root.ask("/ruok").kind, "json");
  });
});

describe("requests", () => {
  const refused: [string, string, number][] = [
    ["PUT", "/commands/ruok", 405],
    ["DELETE", "/commands", 405],
    ["TRACE", "/commands", 403],
    ["GET", "/commands/stat?x=%zz", 400],
    ["GET", "/commands/%ff", 400],
  ];
  for (const [method, target, status] of refused) {
    it(`${method} ${target} is refused with ${status}`, () => {
      const page = world().ask(target, {}, method);
      assert.ok(page.kind === "text");
      assert.equal(page.status, status);
    });
  }
  it("to the wrong method say which is right", () => {
    assert.deepEqual(world().json("ruok", {}, "POST"), [
      405,
      { command: "ruok", error: "ruok is asked by GET" },
    ]);
    assert.deepEqual(world().json("restore", ANYBODY), [
      405,
      { command: "restore", error: "restore is asked by POST" },
    ]);
  });
  it("for what is no command get 200 and an error, letter for letter", () => {
    for (const name of ["nope", "RUOK", "ruok/", "/ruok"]) {
      const error = `Unknown command: ${name}`;
      assert.deepEqual(world().json(name), { command: name, error });
    }
  });
  it("may be escaped, and the first of repeated parameters counts", () => {
    assert.deepEqual(world().json("ru%6fk"), { command: "ruok", error: null });
    assert.deepEqual(world().json("set_trace_mask?traceMask=7&traceMask=9"), {
      tracemask: 7,
      command: "set_trace_mask",
      error: null,
    });
  });
});

describe("each command", () => {
  const id = 72_057_594_037_927_937n;
  const rows: [string, string[]][] = [
    ["configuration conf config", ["client_port", "data_dir"]],
    ["connection_stat_reset crst", []],
    ["connections cons", ["connections", "secure_connections"]],
    ["dirs", ["datadir_size", "logdir_size"]],
    ["dump", ["expiry_time_to_session_ids", "session_id_to_ephemeral_paths"]],
    ["environment env envi", ["host.name"]],
    ["get_trace_mask gtmk", ["tracemask"]],
    ["hash", ["digests"]],
    ["initial_configuration icfg", ["initial_configuration"]],
    ["is_read_only isro", ["read_only"]],
    ["last_snapshot lsnp", ["zxid", "timestamp"]],
    ["observers obsr", ["synced_observers", "observers"]],
    ["observer_connection_stat_reset orst", []],
    ["ruok", []],
    ["server_stats srvr", [
      "version",
      "read_only",
      "server_stats",
      "client_response",
      "node_count",
    ]],
    ["stat_reset srst", []],
    ["stats stat", [
      "version",
      "read_only",
      "server_stats",
      "client_response",
      "node_count",
      "connections",
      "secure_connections",
    ]],
    ["system_properties sysp", ["a", "zookeeper.b"]],
    ["voting_view", ["current_config"]],
    ["watches wchc", ["session_id_to_watched_paths"]],
    ["watches_by_path wchp", ["path_to_session_ids"]],
    ["watch_summary wchs", ["num_connections", "num_paths", "num_total_watches"]],
    ["zabstate", ["voting", "zabstate"]],
  ];
  for (const [names, keys] of rows) {
    const [primary] = names.split(" ");
    for (const name of names.split(" ")) {
      it(`${name} has its fields, then ${primary} and no error`, () => {
        const body = world().json(name) as Record<string, unknown>;
        assert.deepEqual(Object.keys(body), [...keys, "command", "error"]);
        assert.equal(body.command, primary);
        assert.equal(body.error, null);
      });
    }
  }
  it("shows sessions, watches and ephemerals by ids as bare numbers", () => {
    const text = (command: string): string => {
      const page = world().ask(`/commands/${command}`);
      return page.kind === "json" ? jsonText(page.body) : "";
    };
    const session = /"session_id" : (\d+),/.exec(text("cons"))?.[1] ?? "";
    assert.ok(BigInt(session) > id, session);
    assert.match(text("watches"), new RegExp(`"${session}" : \\[ "/app" \\]`));
    assert.match(text("watches_by_path"), new RegExp(`"/app" : \\[ ${session} \\]`));
    assert.match(text("dump"), new RegExp(`"\\d+" : \\[ ${session} \\]`));
    assert.match(text("dump"), new RegExp(`"${session}" : \\[ "/app/eph" \\]`));
    assert.match(text("watch_summary"), /"num_connections" : 1,\n {2}"num_paths" : 1,/);
  });
  it("shows no more paths than fit into a page, and says so", () => {
    const server = new FakeServer();
    const { inspection } = server.server;
    const path = `/${"p".repeat(1 << 20)}`;
    const body = (command: string): ReadonlyMap<string, unknown> => {
      const page = new World(server).ask(`/commands/${command}`);
      assert.ok(page.kind === "json" && jsonText(page.body).length < 1 << 27);
      return page.body;
    };
    const many = new Map([[1n, new Array<string>(600).fill(path)]]); // more than a string can hold
    inspection.watches = () => many;
    inspection.ephemerals = () => many.entries();
    assert.match(String(body("watches").get("error")), /more than one page/);
    assert.match(String(body("dump").get("error")), /more than one page/);
    const different = Array.from({ length: 65 }, (_, i) => `${path}${i}`);
    inspection.watches = () => new Map([[1n, different]]);
    assert.match(String(body("watches_by_path").get("error")), /more than one page/);
    inspection.watches = () => new Map([[1n, different.slice(0, 60)]]);
    assert.equal(body("watches_by_path").get("error"), null);
  });
  it("monitor has every metric without the prefix of mntr", () => {
    const server = world();
    server.metrics.tally("fsynctime").add(4);
    const body = server.json("monitor") as Record<string, unknown>;
    assert.deepEqual(Object.keys(body).slice(0, 2), ["version", "server_state"]);
    assert.equal(body.server_state, "standalone");
    assert.equal(body.sum_fsynctime, 4);
    assert.equal(body.znode_count, 7);
    const text = server.ask("/commands/mntr");
    assert.ok(text.kind === "json" && jsonText(text.body).includes('"avg_fsynctime" : 4.0'));
  });
  it("stat_reset forgets counts, and neither metrics nor proposals", () => {
    const server = world();
    server.metrics.tally("fsynctime").add(4);
    server.json("stat_reset");
    const body = server.json("srvr") as { server_stats: Record<string, unknown> };
    assert.equal(body.server_stats.packets_received, 0);
    assert.equal(body.server_stats.fsync_threshold_exceed_count, 3);
    assert.equal((server.json("monitor") as Record<string, unknown>).cnt_fsynctime, 1);
  });
  it("the trace mask is the four-letter words' own; a wrong one is said", () => {
    const server = world();
    server.json("set_trace_mask?traceMask=-7");
    assert.equal(server.words.answer("gtmk", null, server.view()), "-7");
    const needs = "setTraceMask requires long traceMask argument";
    for (const given of ["abc", "1.5", "99999999999999999999", "9223372036854775808"]) {
      assert.deepEqual(server.json(`stmk?traceMask=${given}`), {
        error: `${needs}, got ${given}`,
        command: "set_trace_mask",
      });
    }
    assert.deepEqual(server.json("stmk"), { error: needs, command: "set_trace_mask" });
  });
});

describe("a member of an ensemble", () => {
  it("shows who leads, who votes, where it stands and who observes", () => {
    const server = world();
    assert.deepEqual(server.json("leader"), {
      error: "server is not initialized",
      command: "leader",
    });
    server.member = member;
    assert.deepEqual(server.json("leader"), {
      is_leader: true,
      leader_id: 2,
      leader_ip: "10.0.0.2|10.1.0.2",
      command: "leader",
      error: null,
    });
    assert.deepEqual(server.json("voting_view"), {
      current_config: {
        2: {
          server_addresses: ["10.0.0.2:2888"],
          election_addresses: [],
          client_address: "",
          learner_type: "participant",
        },
      },
      command: "voting_view",
      error: null,
    });
    const state = server.json("zabstate") as Record<string, Record<string, unknown>>;
    assert.deepEqual(Object.keys(state), [
      "myid",
      "is_leader",
      "quorum_address",
      "election_address",
      "client_address",
      "voting",
      "last_zxid",
      "zab_epoch",
      "zab_counter",
      "zabstate",
      "command",
      "error",
    ]);
    assert.equal(state.last_zxid, "0x300000007");
    assert.equal(state.zab_epoch, 3);
    assert.equal(state.zab_counter, 7);
    assert.equal(state.election_address.one, "[fe80::2]:3888");
    const { observers } = server.json("observers") as { observers: Record<string, unknown>[] };
    assert.equal(observers[0].remote_socket_address, "/10.0.0.9:4000");
    assert.equal(observers[0].last_zxid, 0x300000007);
  });
});

describe("while nobody serves", () => {
  const error = "This ZooKeeper instance is not currently serving requests";
  it("commands about the server say so with 200, ruok too", () => {
    const server = new World(null);
    for (const name of ["ruok", "stats", "leader", "snapshot", "voting_view"]) {
      assert.deepEqual(server.json(name), { command: name, error });
    }
  });
  it("monitor shows what there is, and says so", () => {
    const body = new World(null).json("monitor") as Record<string, unknown>;
    assert.equal(body.error, error);
    assert.equal(body.peer_state, "looking");
    assert.equal(body.looking_count, 0);
  });
  it("zabstate, environment and properties answer", () => {
    const server = new World(null);
    server.member = member;
    assert.deepEqual(server.json("zabstate"), {
      voting: false,
      zabstate: "",
      command: "zabstate",
      error: null,
    });
    assert.equal((server.json("env") as Record<string, unknown>)["host.name"], "here");
  });
});

describe("who may take and restore snapshots", () => {
  const anyone: ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
  const owner: ACL[] = [{ perms: 31, id: { scheme: "digest", id: digestIdOf("root:pw") } }];
  const net: ACL[] = [{ perms: 31, id: { scheme: "ip", id: "10.0.0.0/24" } }];
  const partly: ACL[] = [{ perms: 15, id: { scheme: "world", id: "anyone" } }];
  const rows: [string, string | undefined, readonly ACL[], number | null][] = [
    ["no header", undefined, anyone, 401],
    ["any made-up user, root being open", "digest a:b", anyone, null],
    ["three words", "digest a b", anyone, 401],
    ["two blanks", "digest  a:b", anyone, 401],
    ["a blank behind", "digest a:b ", anyone, null],
    ["a scheme without credential", "digest", anyone, 401],
    ["a scheme nobody knows", "nope a:b", anyone, 401],
    ["world", "world anyone", anyone, 401],
    ["a certificate over plain HTTP", "x509", anyone, 401],
    ["the address", "ip", anyone, null],
    ["another user", "digest a:b", owner, 403],
    ["the owner", "digest root:pw", owner, null],
    ["an address in the list", "ip", net, null],
    ["a name, when addresses are listed", "digest root:pw", net, 403],
    ["all but one permission", "digest a:b", partly, 403],
  ];
  for (const [who, header, acl, status] of rows) {
    it(`${who}: ${status ?? "may"}`, () => {
      const refusal = refusalOf(header, "10.0.0.7", acl, DEFAULT_AUTH);
      assert.equal(refusal?.status ?? null, status);
    });
  }
  it("a super user always may, and so may all when lists are skipped", () => {
    const superDigest = digestIdOf("super:pw");
    const options = { ...DEFAULT_AUTH, superDigest };
    assert.equal(refusalOf("digest super:pw", "1.2.3.4", owner, options), null);
    const open = { ...DEFAULT_AUTH, skipACL: true };
    assert.equal(refusalOf("digest a:b", "1.2.3.4", owner, open), null);
  });
  it("the last address of X-Forwarded-For counts when that is trusted", () => {
    assert.equal(callerOf("9.9.9.9", undefined), "9.9.9.9");
    assert.equal(callerOf("9.9.9.9", "1.1.1.1, 10.0.0.3"), "10.0.0.3");
    const headers = { authorization: "ip", "x-forwarded-for": "10.0.0.3" };
    assert.equal(world({ useForwardedFor: true }).ask("/commands/snap", headers).kind, "snapshot");
  });
});

describe("snapshot and restore", () => {
  it("are ordered when everything is right", () => {
    const orders: [string, string, Page][] = [
      ["GET", "snapshot", { kind: "snapshot", streams: true }],
      ["GET", "snap?streaming=false", { kind: "snapshot", streams: false }],
      ["GET", "snap?streaming=TRUE", { kind: "snapshot", streams: true }],
      ["GET", "snap?streaming=yes", { kind: "snapshot", streams: false }],
      ["POST", "restore", { kind: "restore" }],
      ["POST", "rest", { kind: "restore" }],
      ["POST", "shed_connections", { kind: "shed" }],
    ];
    for (const [method, name, page] of orders) {
      assert.deepEqual(world().ask(`/commands/${name}`, BODY, method), page);
    }
  });
  it("are refused when switched off, or when the zxid would be missing", () => {
    const off = world({ snapshotEnabled: false, restoreEnabled: false });
    assert.deepEqual((off.json("snapshot", ANYBODY) as unknown[])[0], 503);
    assert.deepEqual((off.json("restore", BODY, "POST") as unknown[])[0], 503);
    const without = world({ serializeLastZxid: false });
    assert.deepEqual((without.json("snapshot", ANYBODY) as unknown[])[0], 500);
    assert.deepEqual((without.json("restore", BODY, "POST") as unknown[])[0], 500);
  });
  it("a restore without a body is refused with 400 and does not count", () => {
    const server = world();
    for (const headers of [ANYBODY, { ...ANYBODY, "content-length": "0" }]) {
      assert.deepEqual((server.json("restore", headers, "POST") as unknown[])[0], 400);
    }
    assert.equal(server.ask("/commands/restore", BODY, "POST").kind, "restore");
  });
  it("come once in their interval: a restore by the number, a snapshot by a thousandth", () => {
    const server = world();
    const status = (name: string, method: string): number | string => {
      const page = server.ask(`/commands/${name}`, BODY, method);
      return page.kind === "json" ? page.status : page.kind;
    };
    assert.equal(status("snapshot", "GET"), "snapshot");
    assert.equal(status("snapshot", "GET"), 429);
    assert.equal(status("restore", "POST"), "restore");
    assert.equal(status("restore", "POST"), 429);
    server.now += 301;
    assert.equal(status("snapshot", "GET"), "snapshot");
    assert.equal(status("restore", "POST"), 429);
    server.now += 300_000;
    assert.equal(status("restore", "POST"), "restore");
    const body = server.json("monitor") as Record<string, unknown>;
    assert.equal(body.snapshot_rate_limited_count, 1);
    assert.equal(body.restore_rate_limited_count, 2);
  });
  it("strangers use up nothing", () => {
    const server = world();
    assert.deepEqual((server.json("snapshot", {}) as unknown[])[0], 401);
    assert.equal(server.ask("/commands/snapshot", ANYBODY).kind, "snapshot");
  });
});

describe("the configuration on a page", () => {
  it("has no secrets, whatever they are called and however they are written", () => {
    const text = [
      "# a comment with password=here",
      "tickTime=2000",
      "ssl.keyStore.password=hunter2",
      "zookeeper.ssl.trustStore.password : hunter3\\",
      "   hunter4",
      "DigestAuthenticationProvider.superDigest=super:abc=",
      "my.own.secretThing hunter5",
      "dataDir=/d",
      "",
    ].join("\n");
    const shown = withoutSecrets(text);
    assert.doesNotMatch(shown, /hunter|abc/);
    assert.match(shown, /^tickTime=2000$/m);
    assert.match(shown, /^ssl\.keyStore\.password=\*\*\*$/m);
    assert.match(shown, /^dataDir=\/d$/m);
    assert.equal(shown.split("\n").length, text.split("\n").length);
  });

  it("has no secrets where lines end in another way", () => {
    const text = "# one\rssl.keyStore.password=hunter2\r\ntickTime=2000\r";
    assert.equal(withoutSecrets(text), "# one\rssl.keyStore.password=***\r\ntickTime=2000\r");
  });
});
