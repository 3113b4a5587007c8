// Configuration: Properties syntax, member lines and their printed form, every complaint of
// operations.md 1.7 with its fragment and exit code, modes, myid, precedence, and the key table.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { isFault } from "../lib/base/errors.ts";
import {
  complaintText,
  type Config,
  type ConfigInput,
  configText,
  defaultConfig,
  loadConfig,
  parseMembership,
  sameMembership,
  standaloneArguments,
} from "../lib/peer/config.ts";
import { editDistance, keyNamed, KEYS, nearestKey, PLAIN } from "../lib/peer/config_keys_access.ts";
import { variableOf } from "../lib/peer/config_entries.ts";
import { versionOfFileName } from "../lib/peer/config_membership.ts";
import { parseProperties } from "../lib/peer/config_properties.ts";
import {
  backupFileOf,
  dynamicFileOf,
  nextFileOf,
  staticFileText,
} from "../lib/peer/config_rewrite.ts";
import { dynamicFileText, javaOrder } from "../lib/peer/dynamic_config.ts";

const ENSEMBLE = [
  "tickTime=2000",
  "dataDir=/data",
  "clientPort=2181",
  "initLimit=10",
  "syncLimit=5",
  "server.1=a:2888:3888",
  "server.2=b:2888:3888",
  "server.3=c:2888:3888",
];

type Files = Readonly<Record<string, string>>;

function load(lines: readonly string[], files: Files = {}, more: Partial<ConfigInput> = {}) {
  const all: Files = { "/data/myid": "1\n", "zoo.cfg": lines.join("\n"), ...files };
  return loadConfig({ path: "zoo.cfg", readFile: (path) => all[path] ?? null, ...more });
}

function good(
  lines: readonly string[],
  files: Files = {},
  more: Partial<ConfigInput> = {},
): Config {
  const result = load(lines, files, more);
  if (!result.ok) assert.fail(result.complaints.map(complaintText).join("\n"));
  return result.config;
}

function warnings(lines: readonly string[], files: Files = {}, more: Partial<ConfigInput> = {}) {
  const result = load(lines, files, more);
  assert.ok(result.ok, "expected a configuration");
  return result.warnings.map(complaintText);
}

/** The ensemble with the lines of the same keys replaced, or left out where the value is null. */
function changed(changes: Readonly<Record<string, string | null>>): string[] {
  const kept = ENSEMBLE.filter((line) => !(line.split("=")[0] in changes));
  const added = Object.entries(changes).filter(([, value]) => value !== null);
  return [...kept, ...added.map(([key, value]) => `${key}=${value}`)];
}

describe("properties", () => {
  const ROWS: [claim: string, text: string, want: [string, string, number][]][] = [
    ["three separators", "a=1\nb:2\nc 3\nd\t=\t4", [
      ["a", "1", 1],
      ["b", "2", 2],
      ["c", "3", 3],
      ["d", "4", 4],
    ]],
    ["only the first separator separates", "a = b=c:d", [["a", "b=c:d", 1]]],
    ["comments and blank lines are skipped", "# x=1\n\n  ! y=2\n  z=3", [["z", "3", 4]]],
    ["a backslash joins lines without their indent", "a=1,\\\n   2,\\\n\t3\nb=4", [
      ["a", "1,2,3", 1],
      ["b", "4", 4],
    ]],
    ["two backslashes do not join", "a=1\\\\\nb=2", [["a", "1\\", 1], ["b", "2", 2]]],
    ["a joined line is no comment", "a=1\\\n#2", [["a", "1#2", 1]]],
    ["a lone backslash is a blank line", "\\\n#b=1\n\\\na=1", [["a", "1", 4]]],
    ["a comment is not continued", "# c \\\na=1", [["a", "1", 2]]],
    ["a backslash at the end of the text is dropped", "a=1\\", [["a", "1", 1]]],
    ["every line end ends a line", "a=1\rb=2\r\nc=3", [["a", "1", 1], ["b", "2", 2], [
      "c",
      "3",
      3,
    ]]],
    ["escapes", "a\\=b=\\u0041\\t\\x\\\\", [["a=b", "A\tx\\", 1]]],
    ["a Windows path needs two backslashes", "dir=C:\\\\zk\\\\data", [["dir", "C:\\zk\\data", 1]]],
    ["keys and values are trimmed", "  a   =  b  ", [["a", "b", 1]]],
    ["only what Java trims is trimmed", "a=\\u001bb\u00a0", [["a", "b\u00a0", 1]]],
    ["a key alone has an empty value", "a\nb=", [["a", "", 1], ["b", "", 2]]],
    ["duplicates stay in order", "a=1\na=2", [["a", "1", 1], ["a", "2", 2]]],
  ];
  for (const [claim, text, want] of ROWS) {
    it(claim, () => {
      const got = parseProperties(text).map(({ key, value, line }) => [key, value, line]);
      assert.deepEqual(got, want);
    });
  }

  it("a broken \\u escape is refused with its line", () => {
    assert.throws(() => parseProperties("a=1\nb=\\u12g4"), (error) => {
      return isFault(error, "CONFIG") && error.detail.line === 2;
    });
  });
});

describe("member lines", () => {
  const member = (value: string) => {
    const found = parseMembership(`server.7=${value}`).members.get(7n);
    assert.ok(found);
    return found;
  };

  it("role, client part and IPv6 are read", () => {
    assert.deepEqual(member("[fe80::1]:2888:3888:OBSERVER;[::1]:2181"), {
      sid: 7n,
      addresses: [{ host: "fe80:0:0:0:0:0:0:1", quorumPort: 2888, electionPort: 3888 }],
      role: "observer",
      clientHost: "0:0:0:0:0:0:0:1",
      clientPort: 2181,
      secureClientHost: null,
      secureClientPort: null,
    });
  });

  it("a bare client port is for any address, and a third part is the TLS listener", () => {
    assert.equal(member("h:1:2;2181").clientHost, "0.0.0.0");
    const secure = member("h:1:2;;2281");
    assert.deepEqual([secure.clientPort, secure.secureClientPort], [null, 2281]);
    assert.equal(member("h:1:2;").clientPort, null);
  });

  it("several addresses are read and printed sorted by host", () => {
    const text = "server.7=z:1:2:observer|b:3:4|a:5:6;h:9\nversion=1f";
    const want = "server.7=a:5:6|b:3:4|z:1:2:observer;h:9\nversion=1f";
    assert.equal(configText(parseMembership(text)), want);
  });

  it("an address that comes twice counts once, however it is written", () => {
    const text = "server.1=1.2.3.4:2888:3888|[::ffff:1.2.3.4]:2888:3888|b:2888:3888";
    const [member] = parseMembership(text).members.values();
    assert.deepEqual(member.addresses.map(({ host }) => host), ["1.2.3.4", "b"]);
  });

  it("literals print as Java prints them, and no host is this one", () => {
    const printed = (host: string): string =>
      configText(parseMembership(`server.1=${host}:1:2`)).split(":1:2:")[0].slice(
        "server.1=".length,
      );
    const ROWS: [string, string][] = [
      ["[::]", "[0:0:0:0:0:0:0:0]"],
      ["[00A::F]", "[a:0:0:0:0:0:0:f]"],
      ["[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]"],
      ["[::ffff:1.2.3.4]", "1.2.3.4"],
      ["[fe80::1%eth0]", "[fe80:0:0:0:0:0:0:1%eth0]"],
      ["[1::2::3]", "[1::2::3]"],
      ["zk-1.example", "zk-1.example"],
      ["", "localhost"],
    ];
    assert.deepEqual(ROWS.map(([host]) => [host, printed(host)]), ROWS);
  });

  const BAD: [value: string, fragment: RegExp][] = [
    ["host:2888", /does not have the form/],
    ["host:1:2:observer:x", /does not have the form/],
    ["", /does not have the form/],
    ["h:1:2;a:1;b:2;c:3", /does not have the form/],
    ["h:1:2;a:b:3", /does not have the form/],
    ["h:5:5", /must be different/],
    ["h:x:5", /Address unresolved/],
    ["h:1:70000", /port out of range/],
    ["h:1:2;x", /Address unresolved/],
    ["[::1:1:2", /no matching/],
    ["[::1]", /have a port/],
    ["h:1:2:boss", /Unrecognised peertype/],
    ["h:1:2:observer|g:1:2:participant", /should have similar roles/],
  ];
  for (const [value, fragment] of BAD) {
    it(`server.7=${value} is refused`, () => {
      assert.throws(() => parseMembership(`server.7=${value}`), (error) => {
        return isFault(error, "CONFIG") && error.detail.key === "server.7" &&
          fragment.test(error.message);
      });
    });
  }

  it("sids and versions must be numbers", () => {
    for (const text of ["server.x=h:1:2", "version=zz", "version=0x1", "weight.1=x\ngroup.1=1"]) {
      assert.throws(() => parseMembership(text), /For input string/, text);
    }
    assert.throws(() => parseMembership("server.9223372036854775808=h:1:2"), /For input string/);
  });

  it("unknown keys in a membership text are refused", () => {
    assert.throws(() => parseMembership("clientPort=1"), /Unrecognised parameter: clientPort/);
  });

  it("groups and weights are read and printed, a voter weighs 1 unless told", () => {
    const text = [
      "server.1=a:1:2",
      "server.2=b:1:2",
      "server.3=c:1:2:observer",
      "group.1=1:2",
      "weight.2=0",
    ];
    const membership = parseMembership(text.join("\n"));
    assert.deepEqual([...membership.groups ?? []], [[1n, 1n], [2n, 1n]]);
    assert.equal(membership.weights?.get(1n), 1n);
    const want = [
      "server.1=a:1:2:participant",
      "server.2=b:1:2:participant",
      "server.3=c:1:2:observer",
      "group.1=1:2",
      "weight.1=1",
      "weight.2=0",
      "version=0",
    ];
    assert.equal(configText(membership), want.join("\n"));
  });

  it("a voter belongs to exactly one group", () => {
    const servers = "server.1=a:1:2\nserver.2=b:1:2\n";
    assert.throws(() => parseMembership(`${servers}group.1=1`), /Server 2 is not in a group/);
    assert.throws(() => parseMembership(`${servers}group.1=1:2\ngroup.2=2`), /in multiple groups/);
  });

  it("members print in the order of a Java map of sixteen buckets", () => {
    assert.deepEqual(javaOrder([1n, 2n, 3n, 17n, 16n]), [16n, 1n, 17n, 2n, 3n]);
    assert.deepEqual(javaOrder([1n, 9n, 2n, 3n]), [1n, 2n, 3n, 9n]);
    assert.deepEqual(javaOrder([-1n, 5n]), [-1n, 5n]);
  });

  it("a dynamic file has sorted lines, no version and no final newline", () => {
    const membership = parseMembership("server.10=a:1:2\nserver.9=b:1:2\nversion=5");
    assert.equal(
      dynamicFileText(membership),
      "server.10=a:1:2:participant\nserver.9=b:1:2:participant",
    );
    assert.match(dynamicFileText(membership, true), /\nversion=5$/);
  });

  it("equality looks at the version first, then at the content", () => {
    const a = parseMembership("server.1=a:1:2\nversion=1");
    const sameVersion = parseMembership("server.1=b:1:2\nversion=1");
    const sameText = parseMembership("server.1=a:1:2:participant\nversion=2");
    const other = parseMembership("server.1=b:1:2\nversion=2");
    const grouped = parseMembership("server.1=a:1:2\ngroup.1=1\nversion=1");
    const verdicts = [sameVersion, sameText, other, grouped].map((b) => sameMembership(a, b));
    assert.deepEqual(verdicts, [true, true, false, false]);
  });
});

describe("complaints", () => {
  const dynamic = (text: string, name = "zoo.cfg.dynamic.100000000"): [string[], Files] => [
    [...ENSEMBLE.slice(0, 5), `dynamicConfigFile=${name}`],
    { [name]: text },
  ];
  const ROWS: [situation: string, lines: string[], files: Files, code: number, fragment: RegExp][] =
    [
      ["no dataDir", changed({ dataDir: null }), {}, 2, /dataDir is not set/],
      ["a malformed integer", changed({ clientPort: "21x" }), {}, 2, /For input string/],
      ["an integer out of range", changed({ clientPort: "65536" }), {}, 2, /from 0 to 65535/],
      ["a malformed boolean", changed({ sslQuorum: "yes" }), {}, 2, /Invalid option/],
      ["tickTime=0", changed({ tickTime: "0" }), {}, 2, /tickTime is not set/],
      [
        "min session above max session",
        changed({ minSessionTimeout: "9", maxSessionTimeout: "8" }),
        {},
        2,
        /must not be larger/,
      ],
      [
        "an address without its port",
        changed({ clientPort: null, clientPortAddress: "h" }),
        {},
        2,
        /is set but/,
      ],
      ["a TLS address alone", changed({ secureClientPortAddress: "h" }), {}, 2, /is set but/],
      ["electionAlg=1", changed({ electionAlg: "1" }), {}, 2, /Only 3 is supported/],
      ["a bad peerType", changed({ peerType: "boss" }), {}, 2, /Unrecognised peertype/],
      [
        "an unknown metrics class",
        changed({ "metricsProvider.className": "x.Y" }),
        {},
        2,
        /provider class was not found/,
      ],
      ["a myid that is no number", ENSEMBLE, { "/data/myid": "one" }, 2, /is not a number/],
      ["an empty myid", ENSEMBLE, { "/data/myid": "" }, 2, /serverid null is not a number/],
      ["a myid outside of the list", ENSEMBLE, { "/data/myid": "9" }, 1, /not in the peer list/],
      ["no initLimit", changed({ initLimit: null }), {}, 2, /initLimit is not set/],
      ["no syncLimit", changed({ syncLimit: "0" }), {}, 2, /syncLimit is not set/],
      [
        "a server id that is no number",
        changed({ "server.x": "a:1:2" }),
        {},
        2,
        /For input string/,
      ],
      ["a short member line", changed({ "server.1": "a:1" }), {}, 2, /does not have the form/],
      ["equal ports", changed({ "server.1": "a:1:1" }), {}, 2, /must be different/],
      [
        "several addresses without the switch",
        changed({ "server.1": "a:1:2|b:1:2" }),
        {},
        2,
        /Multiple address feature is disabled/,
      ],
      [
        "one voter with an observer",
        [...ENSEMBLE.slice(0, 6), "server.2=b:1:2:observer"],
        {},
        2,
        /Observers w\/o quorum/,
      ],
      [
        "observers only",
        [...ENSEMBLE.slice(0, 5), "server.1=b:1:2:observer"],
        {},
        2,
        /Observers w\/o participants/,
      ],
      [
        "no voter and no standalone",
        [...ENSEMBLE.slice(0, 5), "standaloneEnabled=false"],
        {},
        2,
        /participants should be >0/,
      ],
      [
        "members in both files",
        [...ENSEMBLE, "dynamicConfigFile=d"],
        { d: "server.1=a:1:2" },
        2,
        /separate dynamic config file/,
      ],
      ["an unknown key in the dynamic file", ...dynamic("x=1"), 2, /Unrecognised parameter/],
      ["a version in the dynamic file", ...dynamic("version=1"), 2, /shouldn't have version/],
      [
        "a missing dynamic file",
        [...ENSEMBLE.slice(0, 5), "dynamicConfigFile=gone"],
        {},
        2,
        /gone \(No such file/,
      ],
      [
        "two client addresses",
        ...dynamic("server.1=a:1:2;2182\nserver.2=b:1:2"),
        2,
        /is different from client address/,
      ],
      ["a voter without a group", changed({ "group.1": "1:2" }), {}, 2, /not in a group/],
      [
        "a voter in two groups",
        changed({ "group.1": "1:2:3", "group.2": "3" }),
        {},
        2,
        /in multiple groups/,
      ],
      [
        "SASL switches that contradict",
        changed({ "quorum.auth.learnerRequireSasl": "true" }),
        {},
        2,
        /is disabled, so cannot enable/,
      ],
      [
        "enforced authentication without schemes",
        changed({ "enforce.auth.enabled": "true" }),
        {},
        2,
        /must be/,
      ],
      [
        "enforced authentication of an unknown scheme",
        changed({ "enforce.auth.enabled": "true", "enforce.auth.schemes": "magic" }),
        {},
        2,
        /is not available/,
      ],
      [
        "a provider that is not ours",
        changed({ "authProvider.1": "my.Provider" }),
        {},
        2,
        /is not available/,
      ],
      ["revocation lists", changed({ "ssl.crl": "true" }), {}, 2, /is not offered/],
      ["a Java key store", changed({ "ssl.keyStore.type": "JKS" }), {}, 2, /PEM, PKCS12/],
      ["a property with a bad value", changed({ snapCount: "abc" }), {}, 2, /For input string/],
      ["a broken escape", changed({ x: "\\uzz" }), {}, 2, /Malformed/],
    ];
  for (const [situation, lines, files, code, fragment] of ROWS) {
    it(`${situation}: exit ${code} and ${fragment}`, () => {
      const result = load(lines, files);
      assert.ok(!result.ok, "the configuration was accepted");
      assert.equal(result.exitCode, code);
      assert.match(complaintText(result.complaints[0]), fragment);
    });
  }

  it("a missing file and a missing myid are told apart", () => {
    const nothing = loadConfig({ path: "zoo.cfg", readFile: () => null });
    assert.ok(!nothing.ok && nothing.exitCode === 2);
    assert.match(nothing.complaints[0].message, /file is missing/);
    const files: Files = { "zoo.cfg": ENSEMBLE.join("\n") };
    const noId = loadConfig({ path: "zoo.cfg", readFile: (path) => files[path] ?? null });
    assert.ok(!noId.ok);
    assert.match(noId.complaints[0].message, /myid file is missing/);
  });

  it("a complaint names file, line, key and what is allowed", () => {
    const result = load(["dataDir=/data", "# note", "tickTime=fast"]);
    assert.ok(!result.ok);
    assert.equal(
      complaintText(result.complaints[0]),
      'error: zoo.cfg:3: For input string: "fast" (tickTime=fast); ' +
        "allowed: an integer of at least 1 (ms)",
    );
  });

  it("all errors of a file are found in one go", () => {
    const result = load(
      changed({ tickTime: "x", clientPort: "y", syncLimit: "z", electionAlg: "0" }),
    );
    assert.ok(!result.ok);
    const keys = result.complaints.filter((c) => c.severity === "error").map((c) => c.key);
    assert.deepEqual(
      new Set(keys),
      new Set(["tickTime", "clientPort", "syncLimit", "electionAlg"]),
    );
  });
});

describe("warnings", () => {
  const ROWS: [claim: string, lines: string[], fragment: RegExp][] = [
    [
      "a misspelt key",
      changed({ snapCuont: "5" }),
      /zoo.cfg:9: unknown key.*did you mean snapCount/,
    ],
    ["a duplicate", [...ENSEMBLE, "tickTime=2001"], /already set on line 1; the last one counts/],
    ["a prefix that Java ignores", changed({ "zookeeper.snapCount": "5" }), /is honoured here/],
    ["too few snapshots", changed({ "autopurge.snapRetainCount": "1" }), /counts as 3/],
    ["a small snapCount", changed({ snapCount: "1" }), /SnapCount should be 2 or more/],
    ["an even ensemble", changed({ "server.4": "d:1:2" }), /odd number of servers/],
    ["two voters", changed({ "server.3": null }), /No server failure will be tolerated/],
    ["a wrong peerType", changed({ peerType: "observer" }), /Defaulting to servers list/],
    ["no flushes", changed({ forceSync: "no" }), /can be lost/],
    ["an odd group key", [...ENSEMBLE, "groupware.1=1:2:3"], /hierarchical quorums/],
  ];
  for (const [claim, lines, fragment] of ROWS) {
    it(claim, () => {
      assert.match(warnings(lines).join("\n"), fragment);
    });
  }

  it("a usual configuration has none", () => {
    assert.deepEqual(warnings(ENSEMBLE), []);
  });

  it("a key that means nothing is still passed on", () => {
    assert.equal(good(changed({ fooBar: "1" })).passedThrough.get("zookeeper.fooBar"), "1");
  });
});

describe("modes", () => {
  it("two or more voters make an ensemble", () => {
    const config = good(ENSEMBLE);
    assert.deepEqual([config.mode, config.sid, config.membership.members.size], ["quorum", 1n, 3]);
  });

  it("the static file may give the version of its members, as in Java", () => {
    assert.equal(good(changed({ version: "1000000ff" })).membership.version, 0x1000000ffn);
    assert.equal(good(ENSEMBLE).membership.version, 0n);
    const result = load(changed({ version: "g" }));
    assert.ok(!result.ok);
    assert.match(result.complaints[0].message, /For input string: "g"/);
  });

  it("one voter is standalone, unless standaloneEnabled=false", () => {
    const one = ENSEMBLE.slice(0, 6);
    assert.equal(good(one).mode, "standalone");
    assert.equal(good(one).membership.members.size, 0);
    assert.equal(good([...one, "standaloneEnabled=false"]).mode, "quorum");
  });

  it("no members are standalone, and need neither limits nor myid", () => {
    const config = good(["dataDir=/elsewhere"]);
    assert.deepEqual([config.mode, config.sid, config.client], ["standalone", 0n, null]);
  });

  it("an observer is one by the member list", () => {
    const config = good(changed({ "server.1": "a:1:2:observer", peerType: "observer" }));
    assert.deepEqual([config.isObserver, config.peerType], [true, "observer"]);
  });

  it("without any file there is a standalone server on 2181", () => {
    const config = defaultConfig();
    assert.deepEqual(config.client, { host: null, port: 2181 });
    assert.deepEqual(
      [config.mode, config.tickTimeMs, config.dataDir, config.dataLogDir],
      ["standalone", 2000, "./zkpeer-data", "./zkpeer-data"],
    );
  });

  it("the old arguments are port, data, tick and connections", () => {
    const load4 = (...args: string[]) =>
      loadConfig({ path: null, readFile: () => null, overrides: standaloneArguments(args) ?? [] });
    const two = load4("2181", "/d");
    const four = load4("2181", "/d", "500", "7");
    assert.ok(two.ok && four.ok);
    assert.deepEqual([two.config.maxClientCnxns, two.config.tickTimeMs], [0, 3000]);
    assert.deepEqual([four.config.maxClientCnxns, four.config.tickTimeMs], [7, 500]);
    assert.equal(standaloneArguments(["1"]), null);
    assert.equal(standaloneArguments(["1", "2", "3", "4", "5"]), null);
  });
});

describe("dynamic files", () => {
  const name = "conf/zoo.cfg.dynamic.100000005";
  const lines = [...ENSEMBLE.slice(0, 5), `dynamicConfigFile=${name}`];
  const text = "server.1=a:1:2;2181\nserver.2=b:1:2;2181\nserver.3=c:1:2";

  it("give members, and their names the version", () => {
    const config = good(lines, { [name]: text });
    assert.equal(config.membership.version, 0x100000005n);
    assert.equal(config.dynamicConfigPath, name);
    assert.match(configText(config.membership), /^server.1=a:1:2:participant;0.0.0.0:2181\n/);
    assert.match(configText(config.membership), /\nversion=100000005$/);
  });

  it("without a hexadecimal suffix have version 0", () => {
    assert.equal(versionOfFileName("zoo.cfg.dynamic"), 0n);
    assert.equal(versionOfFileName("/zk.d/members"), 0n);
    assert.equal(versionOfFileName("/zk.d/m.ff"), 255n);
  });

  it("have a sibling with the configuration that is not committed yet", () => {
    const next = `${text}\nversion=200000001`;
    const config = good(lines, { [name]: text, "zoo.cfg.dynamic.next": next });
    assert.equal(config.nextMembership?.version, 0x200000001n);
    assert.equal(good(lines, { [name]: text }).nextMembership, null);
  });

  it("give the client port when the static file has none", () => {
    const bare = lines.filter((line) => !line.startsWith("clientPort"));
    assert.deepEqual(good(bare, { [name]: text }).client, { host: null, port: 2181 });
  });

  it("do not take over a client port that is in the static file", () => {
    const config = good(lines, { [name]: text }, { myid: "3" });
    assert.deepEqual(config.client, { host: null, port: 2181 });
    assert.match(configText(config.membership), /server.3=c:1:2:participant\n/);
  });
});

describe("the client address in the static file and in the member's own line", () => {
  const both = (address: string, own: string): string[] =>
    changed({ clientPortAddress: address, "server.1": `a:1:2;${own}` });

  for (
    const [address, own, host] of [
      ["::1", "[::1]:2181", "0:0:0:0:0:0:0:1"],
      ["::ffff:10.0.0.1", "10.0.0.1:2181", "10.0.0.1"],
      ["0.0.0.0", "[::]:2181", null],
      ["[::1]", "[::1]:2181", "0:0:0:0:0:0:0:1"],
      ["[::]", "[::]:2181", null],
    ] as const
  ) {
    it(`are the same as ${address} and as ${own}`, () => {
      assert.deepEqual(good(both(address, own)).client, { host, port: 2181 });
      assert.deepEqual(warnings(both(address, own)), []);
    });
  }

  it("may have an IPv6 literal in brackets, as the others", () => {
    const { client, adminAddress } = good(
      changed({ clientPortAddress: "[::1]", "admin.serverAddress": "[::1]" }),
    );
    assert.deepEqual([client, adminAddress], [{ host: "::1", port: 2181 }, "::1"]);
  });

  it("may be the same when one is a name, for Java looks names up", () => {
    for (const [address, own] of [["localhost", "127.0.0.1"], ["127.0.0.1", "localhost"]]) {
      const lines = both(address, `${own}:2181`);
      assert.deepEqual(good(lines).client, { host: own, port: 2181 });
      assert.match(warnings(lines).join(), /must be the same as .* of server\.1, which counts/);
    }
  });

  it("differ by their ports, two literals, or one that is any address", () => {
    for (const own of ["localhost:2182", "10.0.0.2:2181", "2181"]) {
      const result = load(both("10.0.0.1", own));
      assert.ok(!result.ok);
      assert.match(result.complaints[0].message, /is different from client address/);
    }
  });
});

describe("the static file after a reconfig", () => {
  const text = [
    "# our ensemble",
    "tickTime=2000",
    "clientPort=2181",
    "clientPortListenBacklog=9",
    "server.1=a:1:2",
    "server.2=b:1:2,\\",
    "  more",
    "! end",
    "peerType=participant",
    "group.1=1:2",
    "dynamicConfigFile=old",
    "",
    "",
  ].join("\n");
  const own = parseMembership("server.1=a:1:2;2181").members.get(1n) ?? null;

  it("keeps everything but what moved, and points to the dynamic file", () => {
    assert.equal(
      staticFileText(text, "/zk/zoo.cfg.dynamic.5", own),
      "# our ensemble\ntickTime=2000\nclientPortListenBacklog=9\n! end\n" +
        "dynamicConfigFile=/zk/zoo.cfg.dynamic.5\n",
    );
  });

  it("keeps the client port that the dynamic file does not carry", () => {
    assert.match(staticFileText(text, "d", null), /^clientPort=2181$/m);
  });

  it("reads back as the same settings", () => {
    const path = "C:\\z\u00e9\u4e2d.dynamic.5";
    const written = staticFileText("a=1\r\nserver.1=a:1:2\r\n", path, null);
    assert.match(written, /^a=1\r\ndynamicConfigFile=.*\r\n$/);
    const pairs = parseProperties(written).map(({ key, value }) => [key, value]);
    assert.deepEqual(pairs, [["a", "1"], ["dynamicConfigFile", path]]);
  });

  it("points to the dynamic file behind a line that goes on nowhere, too", () => {
    const written = staticFileText("server.1=a:1:2\na=1\\", "/d", null);
    assert.equal(staticFileText(written, "/d", null), written);
    const pairs = parseProperties(written).map(({ key, value }) => [key, value]);
    assert.deepEqual(pairs, [["a", "1"], ["dynamicConfigFile", "/d"]]);
  });

  it("has its siblings beside it", () => {
    assert.deepEqual(
      [dynamicFileOf("z.cfg", 0x100000000n), nextFileOf("z.cfg"), backupFileOf("z.cfg")],
      ["z.cfg.dynamic.100000000", "z.cfg.dynamic.next", "z.cfg.bak"],
    );
  });
});

describe("myid", () => {
  it("is trimmed", () => {
    assert.equal(good(ENSEMBLE, { "/data/myid": " 2 \r\nrest" }).sid, 2n);
  });

  it("comes from the command line, then the environment, then the file", () => {
    const env = { ZKPEER_MYID: "2" };
    assert.equal(good(ENSEMBLE, {}, { env }).sid, 2n);
    assert.equal(good(ENSEMBLE, {}, { env, myid: "3" }).sid, 3n);
    assert.match(warnings(ENSEMBLE, {}, { myid: "3" }).join(), /--myid 3 wins over 1/);
  });

  it("can follow the number of a stateful set's host name", () => {
    const named = (hostname: string) => load(ENSEMBLE, {}, { myid: "hostname", hostname });
    const second = named("zk-1.zk.default.svc");
    assert.ok(second.ok && second.config.sid === 2n);
    assert.ok(!named("laptop").ok);
  });

  it("above 255 is warned of, and refused where the kinds of nodes forbid it", () => {
    const lines = changed({ "server.1": null, "server.300": "z:1:2", "server.200": "y:1:2" });
    assert.match(warnings(lines, {}, { myid: "300" }).join(), /low 8 bits/);
    const emulated = load([...lines, "emulate353TTLNodes=true"], {}, { myid: "200" });
    assert.ok(!emulated.ok && emulated.exitCode === 1);
  });
});

describe("precedence", () => {
  it("is command line, environment, file, default; the source is told", () => {
    const env = { ZKPEER_TICKTIME: "7", ZKPEER_SNAPCOUNT: "8", PATH: "/bin" };
    const config = good(ENSEMBLE, {}, { env, overrides: ["tickTime=5", "tickTime=6"] });
    assert.deepEqual([config.tickTimeMs, config.snapCount], [6, 8]);
    const source = (name: string) => config.effective.find((e) => e.key.name === name)?.source;
    assert.deepEqual(
      ["tickTime", "snapCount", "syncLimit", "forceSync"].map(source),
      ["--set", "ZKPEER_SNAPCOUNT", "zoo.cfg:5", "default"],
    );
  });

  it("members can come from the environment", () => {
    const env = {
      ZKPEER_SERVER_1: "a:1:2",
      ZKPEER_SERVER_2: "b:1:2",
      ZKPEER_DATADIR: "/data",
      ZKPEER_INITLIMIT: "5",
      ZKPEER_SYNCLIMIT: "2",
      ZKPEER_MYID: "2",
    };
    const result = loadConfig({ path: null, readFile: () => null, env });
    assert.ok(result.ok);
    assert.deepEqual([result.config.mode, result.config.sid], ["quorum", 2n]);
  });

  it("a variable or word that stands for nothing is reported", () => {
    assert.match(
      warnings(ENSEMBLE, {}, { env: { ZKPEER_TICTIME: "1" } }).join(),
      /ZKPEER_TICKTIME/,
    );
    assert.ok(!load(ENSEMBLE, {}, { overrides: ["tickTime"] }).ok);
  });
});

describe("settings", () => {
  it("names without the prefix zookeeper. work from the file", () => {
    const config = good(changed({ "jute.maxbuffer": "0x400000", "readonlymode.enabled": "TRUE" }));
    assert.deepEqual([config.juteMaxBuffer, config.juteMaxBufferExtra], [0x400000, 0x400000]);
    assert.deepEqual(config.fourLetterWords, ["srvr", "isro"]);
  });

  it("dependent defaults follow what they depend on", () => {
    const config = good(changed({ flushDelay: "30", dataLogDir: "/log" }));
    assert.deepEqual(
      [config.minSessionTimeoutMs, config.maxSessionTimeoutMs, config.quorumCnxnTimeoutMs],
      [4000, 40000, 10000],
    );
    assert.equal(config.dataLogDir, "/log");
    assert.deepEqual(
      [config.connectToLearnerMasterLimitTicks, config.maxTimeToWaitForEpochMs],
      [10, 20000],
    );
  });

  it("purging is on by default, every hour, and knows the units of 3.10", () => {
    assert.equal(good(ENSEMBLE).purgeIntervalMs, 3_600_000);
    assert.equal(good(changed({ "autopurge.purgeInterval": "0" })).purgeIntervalMs, 0);
    assert.equal(good(changed({ "autopurge.purgeInterval": "24" })).purgeIntervalMs, 86_400_000);
    assert.equal(good(changed({ "autopurge.purgeInterval": "30m" })).purgeIntervalMs, 1_800_000);
  });

  it("TLS has a set for clients and one for members", () => {
    const config = good(changed({
      "ssl.keyStore.location": "/c.pem",
      "ssl.quorum.keyStore.location": "/q.p12",
      "ssl.quorum.clientAuth": "WANT",
    }));
    assert.deepEqual(
      [config.tls.keyStoreLocation, config.quorumTls.keyStoreLocation, config.quorumTls.clientAuth],
      ["/c.pem", "/q.p12", "want"],
    );
  });

  it("prefixed families are gathered", () => {
    const config = good(changed({
      "metricsProvider.httpPort": "7000",
      "superUser": "a",
      "superUser.2": "b",
      "authProvider.1": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
    }));
    assert.equal(config.metricsSettings.get("httpPort"), "7000");
    assert.deepEqual([...config.superUsers], ["a", "b"]);
    assert.deepEqual([...config.authSchemes], ["sasl"]);
    assert.equal(config.passedThrough.size, 0);
  });

  it("the realm and principal of SASL servers are no members", () => {
    const overrides = ["zookeeper.server.realm=EXAMPLE.COM", "server.principal=zk/host"];
    assert.equal(good(ENSEMBLE, {}, { overrides }).membership.members.size, 3);
  });

  it("secrets are not shown", () => {
    const config = good(changed({ "ssl.keyStore.password": "hunter2" }));
    assert.equal(config.tls.keyStorePassword, "hunter2");
    const shown = config.effective.map((effective) => effective.value);
    assert.ok(!shown.includes("hunter2") && shown.includes("***"));
  });

  it("a Config cannot be changed", () => {
    const config = good(ENSEMBLE) as { tickTimeMs: number };
    assert.throws(() => {
      config.tickTimeMs = 1;
    }, TypeError);
  });
});

/** Details of TLS and SASL: who asks for either is refused (unbuilt in settings.ts). */
const OF_UNBUILT = new Set([
  "sslQuorumReloadCertFiles",
  "quorumServerRequireSasl",
  "quorumLearnerRequireSasl",
  "quorumLearnerLoginContext",
  "quorumServerLoginContext",
  "clientCertReload",
  "outstandingHandshakeLimit",
  "adminNeedClientAuth",
  "saslSuperPassword",
  "allowSaslFailedClients",
  "saslServerContext",
  "removeHostFromPrincipal",
  "removeRealmFromPrincipal",
  "tlsAuthProvider",
]);
/** What the configuration itself makes other fields of. */
const FOR_CONFIG = new Set([
  "secureClientPortAddress",
  "dynamicConfigFile",
  "metricsProviderClass",
]);

describe("the key table", () => {
  it("names every key once, under its own variable", () => {
    assert.equal(new Set(KEYS.map((key) => key.name)).size, KEYS.length);
    assert.equal(new Set(KEYS.map((key) => variableOf(key.name))).size, KEYS.length);
  });

  it("accepts each of its own defaults", () => {
    for (const key of KEYS) {
      if (key.fallback === null) continue;
      const words = Array.isArray(key.fallback) ? key.fallback.join(",") : key.fallback;
      const written = key.kind.allowed === "yes or no" ? (words ? "yes" : "no") : String(words);
      assert.ok(key.kind.schema.safeParse(written).success, `${key.name}=${written}`);
    }
  });

  it("says why a key is ignored or refused, in one line each", () => {
    for (const key of KEYS) {
      if (key.verdict !== "honoured") assert.ok(key.remark, key.name);
      assert.ok(!/[\n\t]/.test(key.meaning + (key.remark ?? "")), key.name);
    }
  });

  it("has a reader for every key that is honoured", () => {
    const folder = new URL("../lib/", import.meta.url);
    const names = readdirSync(folder, { recursive: true }).map(String);
    const readers = names.filter((n) => n.endsWith(".ts") && !/^peer.config(_\w+)?\.ts$/.test(n));
    const text = readers.map((n) => readFileSync(new URL(n, folder), "utf8")).join("\n");
    const isRead = (field: string): boolean => new RegExp(`\\b${field}\\b`).test(text);
    const unread = Object.keys(PLAIN).filter((field) => !isRead(field));
    assert.deepEqual(unread.filter((f) => !OF_UNBUILT.has(f) && !FOR_CONFIG.has(f)), []);
    for (const field of OF_UNBUILT) assert.ok(unread.includes(field), `${field} is read now`);
  });

  it("is found with and without the prefix", () => {
    assert.equal(keyNamed("zookeeper.snapCount"), keyNamed("snapCount"));
    assert.notEqual(keyNamed("snapCount"), null);
    assert.equal(keyNamed("snapcount"), null);
  });

  it("knows the nearest key, and when none is near", () => {
    assert.equal(nearestKey("tickTme"), "tickTime");
    assert.equal(nearestKey("datadir"), "dataDir");
    assert.equal(nearestKey("fooBar"), null);
    assert.equal(editDistance("abcd", "abdc"), 1);
    assert.equal(editDistance("", "abc"), 3);
  });
});
