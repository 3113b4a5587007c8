// The text of four-letter words and metrics: layouts that scripts and monitors parse.

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AdminView, allowedWords, FourLetterWords } from "../lib/admin/four_letter.ts";
import { buildDate, javaDate, javaDouble } from "../lib/admin/java_text.ts";
import { METRIC_KINDS } from "../lib/admin/metric_names.ts";
import { Metrics, PercentileSummary } from "../lib/admin/metrics.ts";
import { DEFAULT_AUTH } from "../lib/auth/mod.ts";
import * as records from "../lib/records/client.ts";
import { defaultServerOptions } from "../lib/server/options.ts";
import { OpCode } from "../lib/txn/opcodes.ts";
import { isBrisk } from "./support/brisk.ts";
import { FakeLearner } from "./support/fake_learner.ts";
import { FakeServer, OPEN } from "./support/fake_server.ts";

const VERSION = "3.9.5-zkpeer, built on 11/21/2026 09:00 GMT";

function viewOf(server: FakeServer | null): AdminView {
  return {
    version: VERSION,
    serving: server?.server.inspection ?? null,
    metrics: new Metrics(),
    gauges: () => server?.server.inspection.gauges() ?? [],
    environment: () => [["zookeeper.version", VERSION], ["host.name", "here"]],
    settings: () => [["clientPort", 2181], ["serverId", 0]],
    membership: () => null,
    sizes: () => ({ data: 67109337, log: 5 }),
  };
}

const words = new FourLetterWords("*", false);
const ask = (word: string, server: FakeServer | null): string =>
  words.answer(word, null, viewOf(server));

/** A server with one client that has a session, a watch and an ephemeral. */
function world(): FakeServer {
  const server = new FakeServer();
  const client = server.connect();
  client.create("/app");
  client.create("/app/eph", "", 1);
  client.read(OpCode.exists, "/app", true);
  client.read(OpCode.exists, "/app/none", true);
  return server;
}

describe("the whitelist", () => {
  it("has srvr always, isro with read-only mode, and what is named", () => {
    assert.deepEqual([...allowedWords(null, false)], ["srvr"]);
    assert.deepEqual([...allowedWords("", true)], ["srvr", "isro"]);
    assert.deepEqual([...allowedWords(" ruok , ,nope", false)], ["srvr", "ruok", "nope"]);
    assert.equal(allowedWords("ruok, *", false).has("wchp"), true);
  });
  it("answers the others with one line", () => {
    const strict = new FourLetterWords(null, false);
    assert.equal(
      strict.answer("ruok", null, viewOf(null)),
      "ruok is not executed because it is not in the whitelist.\n",
    );
    assert.equal(
      strict.answer("telnet close", null, viewOf(null)),
      "telnet close is not executed because it is not in the whitelist.\n",
    );
  });
});

describe("while nobody serves", () => {
  const rows: [string, string][] = [
    ["ruok", "imok"],
    ["isro", "null"],
    ["gtmk", "306"],
    ["envi", `Environment:\nzookeeper.version=${VERSION}\nhost.name=here\n`],
    ...["srvr", "stat", "mntr", "conf", "cons", "crst", "srst", "dump", "wchs", "dirs", "hash"].map(
      (word): [string, string] => [
        word,
        "This ZooKeeper instance is not currently serving requests\n",
      ],
    ),
  ];
  for (const [word, text] of rows) {
    it(`${word} says so or answers`, () => assert.equal(ask(word, null), text));
  }
});

describe("srvr and stat", () => {
  it("print what go-zookeeper, kazoo and scripts look for", () => {
    const text = ask("srvr", world());
    assert.equal(
      text,
      `Zookeeper version: ${VERSION}
Latency min/avg/max: 0/0.0/0
Received: 5
Sent: 5
Connections: 1
Outstanding: 0
Zxid: 0x3
Mode: standalone
Node count: 7
`,
    );
    // The expressions of go-zookeeper's FLWSrvr and of kazoo's server_version.
    assert.match(
      text,
      /^Zookeeper version: ([\w.-]+), built on (\d\d\/\d\d\/\d{4} \d\d:\d\d [A-Za-z0-9:+-]+)/,
    );
    assert.match(text, /^Latency min\/avg\/max: (\d+)\/([0-9.]+)\/(\d+)/m);
    assert.match(text, /^Zxid: (0x[A-Za-z0-9]+).*\nMode: (\w+).*\nNode count: (\d+)/m);
    assert.equal(/([\d.]*).*/.exec(VERSION)?.[1], "3.9.5");
  });

  it("show a leader's proposals and a read-only server's mode", () => {
    const server = world();
    const view = viewOf(server);
    server.server.inspection.proposalSizes = { last: 48, min: 32, max: 99 };
    assert.match(
      words.answer("srvr", null, view),
      /Node count: 7\nProposal sizes last\/min\/max: 48\/32\/99\n$/,
    );
    let resets = 0;
    server.server.inspection.onReset = () => resets += 1;
    words.answer("srst", null, view);
    assert.equal(resets, 1, "the leader's sizes are counted anew with the rest");
    const readOnly = new FakeLearner("read-only");
    readOnly.dial();
    const serving = { ...view, serving: readOnly.server.inspection };
    const text = words.answer("stat", null, serving);
    assert.match(text, /GMT\nREAD-ONLY mode; serving only read-only clients\nClients:\n \/10/);
    assert.equal(words.answer("isro", null, serving), "ro");
    assert.equal(words.answer("isro", null, view), "rw");
  });

  it("list connections briefly, cons in full, with an empty line behind", () => {
    const server = world();
    server.dial("0:0:0:0:0:0:0:1");
    const stat = ask("stat", server);
    assert.match(
      stat,
      /Clients:\n \/127\.0\.0\.1:40000\[1\]\(queued=0,recved=5,sent=5\)\n \/\[0:0:0/,
    );
    assert.match(stat, /\(queued=0,recved=0,sent=0\)\n\nLatency/);
    const [first, second, third] = ask("cons", server).split("\n");
    const session = [...server.tree.sessions.keys()][0].toString(16);
    assert.equal(
      first,
      ` /127.0.0.1:40000[1](queued=0,recved=5,sent=5,sid=0x${session},lop=EXIS,` +
        `est=1700000000000,to=10000,lcxid=0x4,lzxid=0x3,lresp=1000000` +
        ",llat=0,minlat=0,avglat=0,maxlat=0)",
    );
    assert.match(second, /sent=0\)$/);
    assert.equal(third, "");
    assert.equal(ask("crst", server), "Connection stats reset.\n");
    assert.match(
      ask("cons", server),
      /recved=0,sent=0,sid=0x[0-9a-f]+,lop=NA,est=\d+,to=10000,lzxid=0xffffffffffffffff/,
    );
    assert.equal(ask("srst", server), "Server stats reset.\n");
    assert.match(ask("srvr", server), /Received: 0\nSent: 0\n/);
  });
});

describe("the counters of a connection", () => {
  it("have every packet sent, and keep the last xid of the client's own", () => {
    const server = new FakeServer();
    const client = server.connect();
    client.ask(OpCode.auth, (out) => {
      records.writeAuthPacket(out, { type: 0, scheme: "digest", auth: Buffer.from("u:p") });
    }, -4);
    client.ask(OpCode.exists, (out) => {
      out.ustring("/n");
      out.boolean(true);
    }, 5);
    client.ask(OpCode.create, (out) => {
      records.writeCreateRequest(out, { path: "/n", data: null, acl: OPEN, flags: 0 });
    }, 6);
    client.ask(OpCode.ping, () => {}, -2);
    // As a Java 3.9.5 says it of the same requests; the event of the watch is the sixth packet.
    assert.match(
      ask("cons", server),
      /queued=0,recved=5,sent=6,sid=0x\w+,lop=PING,est=\d+,to=10000,lcxid=0x6,/,
    );
    assert.match(ask("srvr", server), /Received: 5\nSent: 6\n/);
  });

  it("have no name for a write that was refused, as a Java 3.9.5 shows none", () => {
    const server = new FakeServer();
    const client = server.connect();
    const lastOp = () => /lop=(\w+)/.exec(ask("cons", server))?.[1];
    client.delete("/none");
    assert.equal(lastOp(), "NA");
    client.read(OpCode.getData, "/none");
    assert.equal(lastOp(), "GETD");
    client.create("/n");
    assert.equal(lastOp(), "CREA");
  });

  it("have the answer to a connect request, whatever it was", () => {
    const server = new FakeServer();
    const before = server.connect();
    const { core } = server.server;
    assert.equal(core.stats.lastResponseSize, -1, "which is no reply");
    const resumed = server.dial();
    resumed.connect(10_000, { id: before.sessionId });
    assert.match(ask("cons", server), /recved=1,sent=1,sid=0x\w+,lop=NA/);
    server.dial().connect(10_000, { id: 77n });
    assert.match(ask("srvr", server), /Received: 3\nSent: 3\n/);
  });
});

describe("dump of very many connections", () => {
  it("takes no quadratic time, though all of them are idle at the same moment", () => {
    const { throttle } = defaultServerOptions(DEFAULT_AUTH);
    const server = new FakeServer({ server: { throttle: { ...throttle, maxClientCnxns: 0 } } });
    for (let i = 0; i < 40_000; i++) server.dial();
    isBrisk(2500, () => () => {
      assert.match(ask("dump", server), /^Connections Sets \(1\)\/\(40000\):$/m);
    });
  });
});

describe("watches and dumps", () => {
  it("that are more than an answer can hold end with three dots", () => {
    const server = new FakeServer();
    const path = `/${"p".repeat(1 << 20)}`;
    const many = new Map([[1n, new Array<string>(600).fill(path)]]);
    server.server.inspection.watches = () => many;
    server.server.inspection.ephemerals = () => many.entries();
    for (const word of ["wchc", "dump"]) {
      const text = ask(word, server);
      assert.match(text.slice(-500), /\n\.\.\.\n/);
      assert.ok(text.length < 1 << 27);
    }
  });
  it("count data watches by connection and by path", () => {
    const server = world();
    const session = `0x${[...server.tree.sessions.keys()][0].toString(16)}`;
    assert.equal(ask("wchs", server), "1 connections watching 2 paths\nTotal watches:2\n");
    assert.equal(ask("wchc", server), `${session}\n\t/app\n\t/app/none\n\n`);
    assert.equal(ask("wchp", server), `/app\n\t${session}\n/app/none\n\t${session}\n\n`);
  });

  it("show sessions with the second of their end, ephemerals and connections", () => {
    const server = world();
    const session = `0x${[...server.tree.sessions.keys()][0].toString(16)}`;
    assert.equal(
      ask("dump", server),
      `SessionTracker dump:
Session Sets (1)/(1):
1 expire at Tue Nov 14 22:13:31 UTC 2023:
	${session}
ephemeral nodes dump:
Sessions with Ephemerals (1):
${session}:
	/app/eph
Connections dump:
Connections Sets (1)/(1):
1 expire at Tue Nov 14 22:13:40 UTC 2023:
	ip: /127.0.0.1:40000 sessionId: ${session}
`,
    );
  });

  it("show sizes, digests of every 128th zxid, settings and masks", () => {
    const server = world();
    assert.equal(ask("dirs", server), "datadir_size: 67109337\nlogdir_size: 5\n");
    assert.equal(ask("hash", server), "");
    const client = server.connect();
    while (server.tree.lastZxid < 0x80n) client.set("/app", "x");
    assert.match(ask("hash", server), /^80: -?\d+\n$/);
    assert.equal(ask("conf", server), "clientPort=2181\nserverId=0\n");
    const view = { ...viewOf(server), membership: () => "server.1=a\nversion=100000000" };
    assert.equal(
      words.answer("conf", null, view),
      "clientPort=2181\nserverId=0\nmembership: \nserver.1=a\nversion=100000000",
    );
    const masks = new FourLetterWords("*", false);
    assert.equal(masks.answer("stmk", 12n, view), "12");
    assert.equal(masks.answer("gtmk", null, view), "12");
  });
});

describe("mntr", () => {
  const lines = (server: FakeServer): Map<string, string> =>
    new Map(
      ask("mntr", server).trimEnd().split("\n").map((line): [string, string] => {
        const [key, value] = line.split("\t");
        return [key, value];
      }),
    );

  it("has every name of the reference, each once, with zk_ and a tab", () => {
    const server = world();
    const text = ask("mntr", server).trimEnd().split("\n");
    assert.equal(text.every((line) => /^zk_[a-z0-9_]+\t\S/.test(line)), true);
    assert.equal(new Set(text.map((line) => line.split("\t")[0])).size, text.length);
    const got = lines(server);
    for (const [name, kind] of METRIC_KINDS) {
      if (kind === "counter") assert(got.has(`zk_${name}`), name);
      if (kind === "summary") assert(got.has(`zk_cnt_${name}`), name);
      if (kind === "percentiles") assert(got.has(`zk_p999_${name}`), name);
    }
  });

  it("counts what is there", () => {
    const got = lines(world());
    const expected: [string, string][] = [
      ["zk_version", VERSION],
      ["zk_server_state", "standalone"],
      ["zk_znode_count", "7"],
      ["zk_ephemerals_count", "1"],
      ["zk_watch_count", "2"],
      ["zk_num_alive_connections", "1"],
      ["zk_global_sessions", "1"],
      ["zk_packets_received", "5"],
      ["zk_avg_latency", "0.0"],
      ["zk_outstanding_requests", "0"],
      ["zk_connection_drop_probability", "0.0"],
      ["zk_avg_readlatency", "0.0"],
      ["zk_looking_count", "0"],
    ];
    for (const [key, value] of expected) assert.equal(got.get(key), value, key);
  });
});

describe("metrics", () => {
  it("keep sum, bounds, average with four decimals, and percentiles of the sample", () => {
    const metrics = new Metrics();
    const latency = metrics.tally("readlatency");
    for (let i = 1; i <= 100; i++) latency.add(i);
    metrics.keyed("ack_latency", "3").add(7);
    metrics.tally("looking_count").add(2);
    const got = new Map<string, unknown>();
    metrics.dump((name, value) => void got.set(name, value));
    assert.deepEqual(
      ["avg", "min", "max", "cnt", "sum", "p50", "p95", "p99", "p999"].map((kind) =>
        got.get(`${kind}_readlatency`)
      ),
      [{ double: 50.5 }, 1, 100, 100, 5050, 51, 96, 100, 100],
    );
    assert.equal(got.get("p50_3_ack_latency"), 7);
    assert.equal(got.get("looking_count"), 2);
    metrics.reset();
    metrics.dump((name, value) => void got.set(name, value));
    assert.equal(got.get("cnt_readlatency"), 0);
    assert.equal(got.get("p99_readlatency"), 0);
  });

  it("sample evenly however many values come", () => {
    const summary = new PercentileSummary();
    for (let i = 0; i < 200_000; i++) summary.add(i % 1000);
    const [median] = summary.quantiles([0.5]);
    assert(median > 450 && median < 550, `${median}`);
  });
});

describe("Java's forms", () => {
  const doubles: [number, string][] = [
    [0, "0.0"],
    [1.2273, "1.2273"],
    [12, "12.0"],
    [1e7, "1.0E7"],
    [1073741824, "1.073741824E9"],
    [0.0005, "5.0E-4"],
    [0.001, "0.001"],
    [-2.5, "-2.5"],
    [9999999, "9999999.0"],
  ];
  for (const [value, text] of doubles) {
    it(`of ${value} is ${text}`, () => assert.equal(javaDouble(value), text));
  }

  const dates: [number, string, string][] = [
    [0, "Thu Jan 01 00:00:00 UTC 1970", "01/01/1970 00:00"],
    [951_782_399_000, "Mon Feb 28 23:59:59 UTC 2000", "02/28/2000 23:59"],
    [951_782_400_000, "Tue Feb 29 00:00:00 UTC 2000", "02/29/2000 00:00"],
    [1_795_251_973_231, "Sat Nov 21 09:06:13 UTC 2026", "11/21/2026 09:06"],
    [4_107_542_400_000, "Mon Mar 01 00:00:00 UTC 2100", "03/01/2100 00:00"],
  ];
  for (const [wall, long, short] of dates) {
    it(`of ${wall} is ${long}`, () => {
      assert.equal(javaDate(wall), long);
      assert.equal(buildDate(wall), short);
    });
  }

  it("of every day of 130 years agree with the runtime's calendar", () => {
    for (let day = 0; day < 130 * 366; day++) {
      const wall = day * 86_400_000;
      const [weekday, date, month, year] = new Date(wall).toUTCString().split(/,? /);
      assert.equal(javaDate(wall), `${weekday} ${month} ${date} 00:00:00 UTC ${year}`);
    }
  });
});
