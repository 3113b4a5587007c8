// The command line's frame: arguments and help from one table, log lines in both forms, colours only
// for terminals, sub-commands and exit codes, and `serve --check-config` as an operator sees it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { columns, type CommandSpec, helpText, nearest, readArgs } from "../lib/cli/args.ts";
import { coloursFor } from "../lib/cli/colour.ts";
import { type CliIo, nodeIo } from "../lib/cli/io.ts";
import { Log, type LogFormat, parseLevels } from "../lib/cli/log.ts";
import { main } from "../lib/cli/main.ts";
import { readServe, SERVE, SERVE_HELP } from "../lib/cli/serve_args.ts";
import { VERSION } from "../lib/cli/version.ts";
import { loadConfig } from "../lib/peer/config.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

interface FakeIo extends CliIo {
  readonly out: () => string;
  readonly err: () => string;
}

function fakeIo(env: CliIo["env"] = {}, cwd = "/", isTerminal = false): FakeIo {
  const written = { out: "", err: "" };
  return {
    stdout: { write: (data) => void (written.out += String(data)) },
    stderr: { write: (data) => void (written.err += String(data)) },
    isTerminal: { stdout: isTerminal, stderr: isTerminal },
    columns: 80,
    env,
    cwd,
    signal: new AbortController().signal,
    out: () => written.out,
    err: () => written.err,
  };
}

async function run(args: string[], io = fakeIo()): Promise<{ code: number; io: FakeIo }> {
  return { code: await main(args, io), io };
}

/** Calls `work` with a fresh directory that holds `files`, and removes it. */
async function inDirectory(
  files: Readonly<Record<string, string>>,
  work: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "zkpeer-cli-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    await work(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const SPEC = {
  name: "try",
  words: "[file]",
  wordsMax: 1,
  summary: "Try it.",
  options: [
    { name: "port", short: "p", value: "N", help: "where" },
    { name: "set", value: "KEY=VALUE", many: true, help: "what" },
    { name: "verbose", short: "v", help: "how much" },
  ],
} as const satisfies CommandSpec;

describe("arguments", () => {
  const read = (...args: string[]) => {
    const parsed = readArgs(SPEC, args);
    if (!parsed.ok) assert.fail(parsed.error);
    return parsed;
  };
  const refused = (...args: string[]): string => {
    const parsed = readArgs(SPEC, args);
    assert.ok(!parsed.ok, "the arguments were accepted");
    return parsed.error;
  };

  it("give typed values, the last of a single option and all of a repeatable one", () => {
    const { options, words } = read("-p", "1", "--port=2", "--set", "a=1", "x", "--set=b=2", "-v");
    const port: string | null = options.port;
    const set: readonly string[] = options.set;
    const verbose: boolean = options.verbose;
    assert.deepEqual([port, set, verbose, words], ["2", ["a=1", "b=2"], true, ["x"]]);
  });

  it("are null, empty and false when absent, and words stay text", () => {
    const { options, words } = read("0123");
    assert.deepEqual({ ...options, words }, {
      port: null,
      set: [],
      verbose: false,
      help: false,
      words: ["0123"],
    });
  });

  it("take -Dkey=value for --set key=value", () => {
    assert.deepEqual(read("-Dzookeeper.snapCount=5", "--set", "a=1").options.set, [
      "zookeeper.snapCount=5",
      "a=1",
    ]);
  });

  it("complain of unknown options with the nearest known one", () => {
    assert.equal(refused("--prot=1"), "unknown option --prot; did you mean --port?");
    assert.equal(refused("--verb"), "unknown option --verb; did you mean --verbose?");
    assert.equal(refused("--qqqqqq"), "unknown option --qqqqqq");
    assert.match(refused("-x"), /unknown option -x/);
  });

  it("complain of missing values and of words too many", () => {
    assert.match(refused("--port"), /--port needs a value: --port N/);
    assert.match(refused("--set", "--verbose"), /--set needs a value/);
    assert.match(refused("a", "b"), /unexpected word b; usage: zkpeer try \[options\] \[file\]/);
  });

  it("ask for help even beside mistakes", () => {
    assert.equal(read("--help", "--nonsense", "a", "b").isHelp, true);
    assert.equal(read("-h").isHelp, true);
  });

  it("are all in the help", () => {
    const text = helpText(SPEC);
    assert.match(text, /^Try it\.\n\nUsage: zkpeer try \[options\] \[file\]\n/);
    for (const { name, help } of SPEC.options) {
      assert.ok(text.includes(`--${name}`) && text.includes(help), name);
    }
    for (const { name } of SERVE.options) assert.ok(SERVE_HELP.includes(`--${name}`), name);
  });

  it("align in columns", () => {
    assert.equal(columns([["a", "x"], ["long", ""]], "  "), "  a     x\n  long\n");
    assert.equal(nearest("srve", ["serve", "decode"]), "serve");
    assert.equal(nearest("zzz", ["serve", "decode"]), null);
  });
});

describe("colours", () => {
  const red = (env: CliIo["env"], isTerminal: boolean): string =>
    coloursFor(fakeIo(env, "/", isTerminal), "stdout").red("x");

  it("are for terminals only, and never with NO_COLOR", () => {
    assert.equal(red({}, true), "\x1b[31mx\x1b[39m");
    assert.equal(red({}, false), "x");
    assert.equal(red({ NO_COLOR: "1" }, true), "x");
    assert.equal(red({ NO_COLOR: "" }, true), "\x1b[31mx\x1b[39m");
    assert.equal(red({ TERM: "dumb" }, true), "x");
  });

  it("can be asked for in a pipe", () => {
    assert.equal(red({ FORCE_COLOR: "1" }, false), "\x1b[31mx\x1b[39m");
    assert.equal(red({ FORCE_COLOR: "0" }, false), "x");
    assert.equal(red({ FORCE_COLOR: "1", NO_COLOR: "1" }, false), "x");
  });
});

describe("log", () => {
  function logged(levelText: string, format: LogFormat, write: (log: Log) => void): string {
    const io = fakeIo();
    const levels = parseLevels(levelText);
    assert.ok(levels);
    const now = () => new Date(2026, 10, 21, 9, 6, 43, 7).getTime();
    write(new Log(io, { levels, format, myid: "1", now }));
    return io.err();
  }

  it("lines look like Java's: date, myid, level, area, text, facts", () => {
    const line = logged("info", "text", (log) => {
      log.note("info", "zab.election", "LEADER ELECTION TOOK", { ms: 210, zxid: 0x100000001n });
    });
    assert.equal(
      line,
      "2026-11-21 09:06:43,007 [myid:1] - INFO  [zab.election] - " +
        "LEADER ELECTION TOOK ms=210 zxid=0x100000001\n",
    );
  });

  it("lines can be JSON, one object each", () => {
    const line = logged("debug", "json", (log) => {
      log.note("warn", "store", "fsync", { path: "/d", sid: 3n, data: new Uint8Array([1, 255]) });
    });
    const record = JSON.parse(line);
    assert.match(record.time, /^2026-11-2[01]T.*Z$/);
    delete record.time;
    assert.deepEqual(record, {
      level: "warn",
      myid: "1",
      area: "store",
      text: "fsync",
      path: "/d",
      sid: "3",
      data: "01ff",
    });
  });

  it("a fact cannot forge a line or a second fact", () => {
    const line = logged("info", "text", (log) => {
      log.note("info", "a", "one\ntwo", { path: '/x y="1\r\n', empty: "", plain: "ok" });
    });
    assert.equal(line.split("\n").length, 2);
    assert.match(line, /one\\ntwo path="\/x y=\\"1\\u000d\\n" empty="" plain=ok\n$/);
  });

  it("levels go by area, the nearest one above counts", () => {
    const seen = logged("warn,zab=debug,zab.mesh=error", "text", (log) => {
      for (const area of ["client", "zab", "zab.election", "zab.mesh", "zabra"]) {
        for (const level of ["error", "warn", "info", "debug"] as const) log.note(level, area, "x");
      }
    });
    const count = (area: string): number => seen.split(`[${area}]`).length - 1;
    assert.deepEqual(
      ["client", "zab", "zab.election", "zab.mesh", "zabra"].map(count),
      [2, 4, 4, 1, 2],
    );
  });

  it("levels that are not levels are refused", () => {
    for (const text of ["", "loud", "zab=", "info,zab=loud", "a=b=c"]) {
      assert.equal(parseLevels(text), null, text);
    }
    assert.equal(parseLevels("zab=DEBUG")?.base, "info");
  });
});

describe("commands", () => {
  it("help lists every command, and each has help of its own", async () => {
    const { code, io } = await run(["--help"]);
    assert.equal(code, 0);
    const names = [...io.out().matchAll(/^ {2}(\w+) /gm)].map((match) => match[1]);
    assert.ok(names.includes("serve") && names.includes("version"), io.out());
    for (const name of names) {
      const asked = await run(["help", name]);
      assert.equal(asked.code, 0, name);
      assert.match(asked.io.out(), /Usage: zkpeer/);
    }
    const own = await run(["serve", "--help"]);
    assert.deepEqual([own.code, own.io.out()], [0, SERVE_HELP]);
  });

  it("without a command the overview goes to stderr, with exit code 2", async () => {
    const { code, io } = await run([]);
    assert.deepEqual([code, io.out()], [2, ""]);
    assert.match(io.err(), /Usage: zkpeer/);
  });

  it("an unknown command or option names the nearest one", async () => {
    const command = await run(["srve"]);
    assert.deepEqual([command.code, command.io.err()], [
      2,
      "unknown command srve; did you mean serve?\n",
    ]);
    const option = await run(["--verson"]);
    assert.equal(option.io.err(), "unknown option --verson; did you mean --version?\n");
    assert.equal((await run(["help", "srve"])).code, 2);
  });

  it("the version is that of the packages", async () => {
    const { io } = await run(["version"]);
    assert.match(
      io.out(),
      new RegExp(`^zkpeer ${VERSION.replaceAll(".", "\\.")} \\(ZooKeeper 3\\.`),
    );
    for (const file of ["deno.json", "package.json"]) {
      assert.equal(JSON.parse(readFileSync(root + file, "utf8")).version, VERSION, file);
    }
  });

  it("the process prints, and its exit code is the command's", () => {
    const isDeno = "Deno" in globalThis;
    const before = isDeno ? ["run", "-A"] : ["--import", "tsx"];
    const start = (...args: string[]) =>
      execFileSync(process.execPath, [...before, "lib/cli/main.ts", ...args], {
        cwd: root,
        encoding: "utf8",
        stdio: "pipe",
      });
    assert.match(start("version"), /^zkpeer /);
    assert.throws(() => start("nonsense"), (error: { status?: number; stderr?: string }) => {
      return error.status === 2 && /unknown command nonsense/.test(error.stderr ?? "");
    });
  });

  it("follows the width of its terminal", () => {
    const io = nodeIo(new AbortController().signal);
    const before = Object.getOwnPropertyDescriptor(process.stdout, "columns");
    for (const value of [97, 33]) {
      Object.defineProperty(process.stdout, "columns", { value, configurable: true });
      assert.equal(io.columns, value);
    }
    if (before === undefined) Reflect.deleteProperty(process.stdout, "columns");
    else Object.defineProperty(process.stdout, "columns", before);
  });

  // On Node: Deno looks for a linked module's imports beside the link.
  it("runs in any folder", async () => {
    await inDirectory({}, (directory) => {
      const args = [join(root, "lib/cli/zkpeer.mjs"), "version"];
      const node = "Deno" in globalThis ? "node" : process.execPath;
      const out = execFileSync(node, args, { cwd: directory, encoding: "utf8" });
      assert.match(out, /^zkpeer /);
      return Promise.resolve();
    });
  });

  it("runs through a link, as npm installs it", async () => {
    await inDirectory({}, (directory) => {
      const link = join(directory, "zkpeer");
      symlinkSync(join(root, "lib/cli/zkpeer.mjs"), link);
      const out = execFileSync(link, ["version"], { cwd: directory, encoding: "utf8" });
      assert.match(out, /^zkpeer /);
      return Promise.resolve();
    });
  });
});

describe("sim", () => {
  it("refuses a range without a seed", async () => {
    const { code, io } = await run(["sim", "--seeds", "10..1"]);
    assert.equal(code, 2);
    assert.match(io.err(), /the lower one first/);
  });
});

describe("serve", () => {
  const CONFIG = [
    "tickTime=2000",
    "dataDir=data",
    "initLimit=10",
    "syncLimit=5",
    "server.1=a:2888:3888;2181",
    "server.2=b:2888:3888;2181",
    "server.3=c:2888:3888:observer;2181",
    "nio.numWorkerThreads=4",
    "snapCuont=7",
    "ssl.keyStore.password=hunter2",
  ];

  it("--check-config prints values with their sources, and what has no effect", async () => {
    await inDirectory({ "zoo.cfg": CONFIG.join("\n"), myid: "2\n" }, async (directory) => {
      const args = ["serve", "--check-config", "zoo.cfg", "--set", "syncLimit=9"];
      const { code, io } = await run([...args, "-DdataDir=" + directory], fakeIo({}, directory));
      assert.equal(code, 0, io.err());
      const out = io.out();
      for (
        const wanted of [
          /^mode +quorum$/m,
          /^myid +2$/m,
          /^clients +\*:2181$/m,
          /^ {2}server\.3=c:2888:3888:observer;0\.0\.0\.0:2181$/m,
          /^ {2}syncLimit=9 +--set$/m,
          /^ {2}tickTime=2000 +zoo\.cfg:1$/m,
          /^ {2}nio\.numWorkerThreads=4 +zoo\.cfg:8: this server has no such threads$/m,
          /^ {2}ssl\.keyStore\.password=\*\*\* +zoo\.cfg:10$/m,
          /^ {2}zookeeper\.snapCuont=7$/m,
        ]
      ) assert.match(out, wanted);
      assert.match(io.err(), /warning: zoo\.cfg:9: .*did you mean snapCount\?/);
      assert.ok(!(out + io.err()).includes("hunter2"));
    });
  });

  it("--check-config shows no secrets of keys that nobody knows", async () => {
    const config = [...CONFIG, "my.own.password=hunter3", "my.own.password=hunter4"];
    await inDirectory({ "zoo.cfg": config.join("\n"), myid: "2\n" }, async (directory) => {
      for (const form of [[], ["--json"]]) {
        const args = ["serve", "--check-config", "zoo.cfg", "-DdataDir=" + directory, ...form];
        const { code, io } = await run(args, fakeIo({}, directory));
        assert.equal(code, 0, io.err());
        assert.match(io.out(), /zookeeper\.my\.own\.password\W+\*\*\*/);
        assert.doesNotMatch(io.out() + io.err(), /hunter/);
      }
    });
  });

  it("a file that is there and cannot be read is not called missing", async () => {
    await inDirectory({ "zoo.cfg": CONFIG.join("\n") }, async (directory) => {
      symlinkSync("myid", join(directory, "myid")); // to itself: nobody can read that
      const args = ["serve", "--check-config", "zoo.cfg", "-DdataDir=" + directory];
      const { code, io } = await run(args, fakeIo({}, directory));
      assert.equal(code, 2);
      assert.match(io.err(), /Error processing .*myid/);
      assert.doesNotMatch(io.err(), /missing/);
    });
  });

  it("--check-config --all tells of every key", async () => {
    const { code, io } = await run(["serve", "--check-config", "--all"]);
    assert.equal(code, 0);
    assert.match(io.out(), /^ {2}maxClientCnxns=60 +default \[S\] connections per client/m);
    assert.match(io.out(), /^ {2}tickTime=2000 +built in \[A\]/m);
    assert.ok(io.out().split("\n").length > 250);
  });

  it("--check-config --json is for programs, good or bad", async () => {
    const good = await run(["serve", "--check-config", "--json"]);
    const told = JSON.parse(good.io.out());
    assert.deepEqual([told.ok, told.mode, told.client.port], [true, "standalone", 2181]);
    const bad = await run(["serve", "--check-config", "--json", "--set", "tickTime=x"]);
    assert.equal(bad.code, 2);
    assert.equal(JSON.parse(bad.io.out()).complaints[0].key, "tickTime");
  });

  it("complaints go to stderr with their exit code", async () => {
    const missing = await run(["serve", "--check-config", "/nowhere/zoo.cfg"]);
    assert.equal(missing.code, 2);
    assert.match(missing.io.err(), /^error: .*file is missing/);
    await inDirectory({ "zoo.cfg": CONFIG.join("\n"), myid: "9" }, async (directory) => {
      const args = ["serve", "--check-config", "zoo.cfg", "--set", `dataDir=${directory}`];
      const { code, io } = await run(args, fakeIo({}, directory));
      assert.equal(code, 1);
      assert.match(io.err(), /My id 9 is not in the peer list/);
    });
  });

  it("knows its file by a name that holds in any working directory", async () => {
    await inDirectory({ "zoo.cfg": CONFIG.join("\n"), myid: "1" }, (directory) => {
      const io = fakeIo({}, directory);
      const order = readServe(["zoo.cfg", "--set", `dataDir=${directory}`], io);
      assert.ok(typeof order !== "number", io.err());
      assert.equal(order.config.configPath, join(directory, "zoo.cfg"));
      return Promise.resolve();
    });
  });

  it("takes port and folder as options, over the file and --set, and names them", async () => {
    await inDirectory({ "zoo.cfg": "dataDir=/a\nclientPort=1" }, (directory) => {
      const rows = [["--set", "dataDir=/b"], ["zoo.cfg"]].map((args) => {
        const own = ["--client-port", "2182", "--data-dir", "/d"];
        const order = readServe([...args, ...own], fakeIo({}, directory));
        assert.ok(typeof order !== "number");
        return [order.config.client?.port, order.config.dataDir];
      });
      assert.deepEqual(rows, [[2182, "/d"], [2182, "/d"]]);
      return Promise.resolve();
    });
    const { code, io } = await run(["serve", "--client-port", "many"]);
    assert.equal(code, 2);
    assert.match(io.err(), /^error: --client-port: .*clientPort=many/m);
  });

  it("takes the four forms of words", () => {
    const ports = [[], ["2182", "/d"], ["2183", "/d", "500", "3"]].map((words) => {
      const order = readServe(words, fakeIo());
      assert.ok(typeof order !== "number");
      return [order.config.client?.port, order.config.maxClientCnxns, order.config.tickTimeMs];
    });
    assert.deepEqual(ports, [[2181, 60, 2000], [2182, 0, 3000], [2183, 3, 500]]);
    assert.equal(readServe(["1", "2", "3", "4", "5"], fakeIo()), 2);
  });

  it("reads log levels and forms from options, then variables", () => {
    const env = { ZKPEER_LOG_LEVEL: "error,zab=debug", ZKPEER_LOG_FORMAT: "json" };
    const order = readServe(["--log-format", "text"], fakeIo(env));
    assert.ok(typeof order !== "number");
    assert.deepEqual([order.levels.base, order.format], ["error", "text"]);
    const io = fakeIo();
    assert.equal(readServe(["--log-level", "loud"], io), 2);
    assert.match(io.err(), /--log-level loud is not of the form/);
    assert.equal(readServe(["--log-format", "xml"], fakeIo()), 2);
  });

  it("shows no secret that was given twice", () => {
    const text = "dataDir=/d\nssl.keyStore.password=hunter2\nssl.keyStore.password=hunter3";
    const result = loadConfig({
      path: "zoo.cfg",
      readFile: (path) => path === "zoo.cfg" ? text : null,
    });
    assert.ok(result.ok && result.warnings.length === 1);
    assert.ok(!JSON.stringify(result.warnings).includes("hunter"));
  });
});
