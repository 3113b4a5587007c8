// What people and programs get to see: text, JSON lines, summary, filters, the HTML report in a real
// browser, the live tap, and the command line's refusals.

import { Buffer } from "node:buffer";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { isFault } from "../lib/base/errors.ts";
import { Filter, globToRegExp } from "../lib/capture/filter.ts";
import { isoTime } from "../lib/capture/json.ts";
import { Histogram } from "../lib/capture/histogram.ts";
import { decodeCapture } from "../lib/capture/iterate.ts";
import { Report } from "../lib/capture/report.ts";
import { DecodeSession, run as decode } from "../lib/cli/decode.ts";
import type { CliIo } from "../lib/cli/io.ts";
import { run as tap, Tap } from "../lib/cli/tap.ts";
import { TapPackets } from "../lib/cli/tap_packets.ts";
import {
  b32,
  Conversation,
  HELLO,
  pcapFile,
  pcapngFile,
  put,
  WELCOME,
} from "./support/capture_build.ts";
import { decodeAll } from "./support/capture_damage.ts";
import { captureBytes, capturedVersions } from "./support/captures.ts";

const folder = mkdtempSync(join(tmpdir(), "zkpeer-decode-"));
after(() => rmSync(folder, { recursive: true }));

const version = capturedVersions().at(-1) ?? "";
const file = join(folder, "recorded.pcap");
writeFileSync(file, captureBytes(version));
const account = decodeAll(captureBytes(version));

interface Said {
  out: string;
  err: string;
}

function terminal(said: Said, signal = new AbortController().signal): CliIo {
  const text = (data: string | Uint8Array): string =>
    typeof data === "string" ? data : Buffer.from(data).toString();
  return {
    stdout: { write: (data) => void (said.out += text(data)) },
    stderr: { write: (data) => void (said.err += text(data)) },
    isTerminal: { stdout: false, stderr: false },
    columns: 80,
    env: {},
    cwd: folder,
    signal,
  };
}

async function command(...args: string[]): Promise<Said & { code: number }> {
  const said: Said = { out: "", err: "" };
  const code = await decode(args, terminal(said));
  return { ...said, code };
}

type Row = Record<string, unknown>;
const rowsOf = (out: string): Row[] =>
  out.trimEnd().split("\n").map((line) => JSON.parse(line) as Row);

describe("decode", () => {
  it("text gives one line a message", async () => {
    const { out, code } = await command(file);
    assert.equal(code, 0);
    const lines = out.trimEnd().split("\n");
    const shown = account.messages.filter((one) => one.kind !== "snapshot").length;
    assert.equal(lines.filter((line) => !line.slice(15).startsWith("  *")).length, shown);
    assert.match(out, /→ server\.1 +create +\/a {2}xid 1\n/);
    assert.match(out, /← server\.1 +create +\/a {2}xid 1 {2}OK {2}0x10000000f {2}\d+\.\d+ ms\n/);
    assert.match(
      out,
      /\* write 0x10000000f create \/a: request \+0\.000, REQUEST \+.*reply \+.* ms\n/,
    );
  });

  it("-x accounts for every byte of a message, -v names its fields", async () => {
    const { out } = await command("-x", "--op", "create", "--path", "/a", file);
    const dumped = out.split("\n").filter((line) => /^ {4}[0-9a-f]{6} {2}/.test(line));
    const bytes = dumped.map((line) => line.slice(12, 59).trim().split(/ +/).filter(Boolean).length)
      .reduce((sum, count) => sum + count, 0);
    const expected = account.messages.filter(new Filter({
      ops: new Set(["create"]),
      paths: ["/a"],
    }).message.bind(new Filter({ ops: new Set(["create"]), paths: ["/a"] })));
    assert.equal(bytes, expected.reduce((sum, one) => sum + one.size, 0));
    const verbose = await command("-v", "--op", "create", "--path", "/a", file);
    assert.match(verbose.out, /acl\[0\]\.id\.scheme="world"/);
  });

  it("jsonl is one object a line, replies name their requests", async () => {
    const rows = rowsOf((await command("-f", "jsonl", file)).out);
    const messages = rows.filter((row) => row.type === "message");
    assert.equal(messages.length, account.messages.length);
    const byN = new Map(messages.map((row) => [row.n, row]));
    for (const row of messages) {
      assert.match(String(row.time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
      if (row.kind !== "reply" || row.about === undefined) continue;
      const request = byN.get(row.about);
      assert.equal(request?.xid, row.xid);
      assert.equal(typeof row.latencyMs, "number");
    }
    const create = messages.find((row) => row.name === "create" && row.kind === "request");
    assert.deepEqual((create?.fields as Row).header, { xid: 1, type: 1 });
    for (const type of ["session", "write", "election", "sync", "epoch", "connection"]) {
      assert.ok(rows.some((row) => row.type === type), type);
    }
  });

  it("summary counts what the messages count", async () => {
    const { out } = await command("-f", "summary", file);
    const answered = account.messages.filter((one) =>
      one.kind === "reply" && one.name === "create"
    );
    const errors = answered.filter((one) => one.error !== 0).length;
    assert.match(out, new RegExp(`\\n  create +${answered.length} +${errors} `));
    assert.match(out, /\nslowest requests\n/);
    assert.match(out, /epoch 1 established by server\.\d/);
    const some = await command("-f", "summary", "--op", "create", "--errors", file);
    assert.match(some.out, new RegExp(`\\n  create +${errors} +${errors} `));
    assert.doesNotMatch(some.out, /\n {2}getData |\n {2}COMMIT |\n {2}NodeCreated /);
    const all =
      account.messages.filter((one) =>
        one.kind === "connected" || (one.kind === "reply" && one.about !== null)
      ).length;
    const rate = Number(/\n {2}requests +([\d.]+) answered a second\n/.exec(out)?.[1]);
    assert.ok(Math.abs(rate - all / (account.facts.end / 1e9)) < 0.1, `${rate}`);
  });

  it("summary counts packets, notifications and events within what was asked for", async () => {
    const within = ["--since", "+5", "--until", "+10"];
    const { out } = await command("-f", "summary", ...within, file);
    const count = (name: string): number =>
      Number(new RegExp(`\\n  ${name} +(\\d+)`).exec(out)?.[1] ?? 0);
    const inside = account.messages.filter(({ time }) => time >= 5e9 && time <= 10e9);
    for (const name of ["PROPOSAL", "COMMIT", "PING", "NodeDeleted", "NodeDataChanged"]) {
      assert.equal(count(name), inside.filter((one) => one.name === name).length, name);
    }
    assert.equal(count("notification"), inside.filter((one) => one.kind === "notification").length);
    const ofOne = await command("-f", "summary", "--op", "commit", file);
    assert.match(ofOne.out, /\n {2}COMMIT /);
    assert.doesNotMatch(ofOne.out, /\n {2}(ACK|NodeCreated|notification) /);
  });

  it("reads gzip, several files as one capture, and says when a file ends too early", async () => {
    const packed = join(folder, "packed.pcap.gz");
    writeFileSync(packed, gzipSync(captureBytes(version)));
    const plain = await command("-f", "jsonl", file);
    assert.equal((await command("-f", "jsonl", packed)).out, plain.out);
    const whole = captureBytes(version);
    let at = 24;
    const view = new DataView(whole.buffer, whole.byteOffset);
    for (let i = 0; i < 2000; i++) at += 16 + view.getUint32(at + 8, true);
    const [first, second] = [join(folder, "one.pcap"), join(folder, "two.pcap")];
    writeFileSync(first, whole.subarray(0, at));
    writeFileSync(second, put(whole.subarray(0, 24), whole.subarray(at)));
    assert.equal((await command("-f", "jsonl", first, second)).out, plain.out);
    const short = join(folder, "short.pcap");
    writeFileSync(short, whole.subarray(0, at - 5));
    assert.match((await command(short)).err, /the file ends within a packet/);
    const torn = join(folder, "torn.pcap.gz");
    const gzip = gzipSync(whole);
    writeFileSync(torn, gzip.subarray(0, gzip.length >> 1));
    const part = await command("-f", "jsonl", torn);
    assert.match(part.err, /the file ends within a packet/);
    assert.equal(part.out.slice(0, 100_000), plain.out.slice(0, 100_000));
    assert.equal(
      rowsOf(part.out).length,
      [...decodeCapture(gzip.subarray(0, gzip.length >> 1))].length,
    );
  });

  it("no path, word or header of a capture can end a line or command a terminal", async () => {
    const path = new TextEncoder().encode("/a\x1b[2J\n\u009b forged");
    const body = put(b32(1), b32(4), b32(path.length), path, [0]);
    const client = new Conversation(["10.0.0.1", 9], ["10.0.0.2", 2181]).open()
      .send(0, HELLO).send(0, put(b32(body.length), body))
      .send(1, put(b32(16), b32(1), b32(1), b32(5), b32(-101)));
    const web = new Conversation(["10.0.0.1", 8], ["10.0.0.2", 8080]).open()
      .send(0, new TextEncoder().encode("GET /\x1b[2J HTTP/1.1\r\n\r\n"));
    const capture = join(folder, "forged.pcap");
    writeFileSync(capture, pcapFile([...client.frames, ...web.frames]));
    for (const format of ["text", "summary"]) {
      const { out } = await command("-v", "-f", format, capture);
      assert.doesNotMatch(out.replaceAll("\n", ""), /\p{Cc}/u);
      assert.match(out, /\/a\\x1b\[2J\\x0a\\x9b forged/);
    }
  });

  it("what was read before a file that is no capture is given out", async () => {
    const said: Said = { out: "", err: "" };
    const short = join(folder, "two-bytes");
    writeFileSync(short, Uint8Array.of(1, 2));
    const talk = new Conversation(["10.0.0.1", 9], ["10.0.0.2", 2181]).open().send(0, HELLO);
    const first = join(folder, "first.pcap");
    writeFileSync(first, pcapFile(talk.frames));
    await assert.rejects(decode([first, short], terminal(said)), /two-bytes: .*neither pcap nor/);
    assert.match(said.out, / connect /);
  });

  it("refuses what it cannot read or understand in one sentence", async () => {
    const fault = async (...args: string[]): Promise<string> => {
      try {
        const { code, err } = await command(...args);
        assert.equal(code, 2);
        return err;
      } catch (error) {
        assert.ok(isFault(error));
        return error.message;
      }
    };
    const text = join(folder, "text.txt");
    writeFileSync(text, "this is no capture at all, not even close");
    assert.match(await fault(text), /neither pcap nor pcapng/);
    assert.match(await fault(join(folder, "absent.pcap")), /cannot read .*absent.pcap: ENOENT/);
    assert.match(await fault(), /no file/);
    assert.match(await fault("--slower", "fast", file), /--slower fast is no time/);
    assert.match(await fault("--zxid", "x..y", file), /--zxid x is neither/);
    assert.match(await fault("--format", "xml", file), /there is no format xml/);
    assert.match(await fault("--port", "smtp=25", file), /--port smtp=25 is not NAME=N/);
    assert.match(await fault("--since", "noon", file), /--since noon is no time/);
    assert.match(await fault("--ops", "x", file), /did you mean --op/);
  });
});

describe("filters", () => {
  const pick = async (...args: string[]): Promise<Row[]> => {
    const { out } = await command("-f", "jsonl", ...args, file);
    return out === "" ? [] : rowsOf(out).filter((row) => row.type === "message");
  };
  const all = account.messages;
  it("globs keep to path segments unless told otherwise", () => {
    assert.ok(globToRegExp("/a/*").test("/a/b") && !globToRegExp("/a/*").test("/a/b/c"));
    assert.ok(globToRegExp("/a/**").test("/a/b/c") && globToRegExp("/a?").test("/ab"));
    assert.ok(!globToRegExp("/a.b").test("/axb"));
  });
  it("--op, --path, --errors, --slower, --zxid, --session, --client, --sid", async () => {
    const path = await pick("--path", "/a/**");
    assert.equal(path.length, all.filter((one) => one.path?.startsWith("/a/")).length);
    const errors = await pick("--errors");
    assert.equal(errors.length, all.filter((one) => (one.error ?? 0) !== 0).length);
    const slow = await pick("--slower", "20ms");
    const isSlow = ({ kind, latency }: typeof all[0]) => kind !== "event" && (latency ?? 0) >= 20e6;
    assert.equal(slow.length, all.filter(isSlow).length);
    const old = all.filter(({ kind, latency }) => kind === "event" && (latency ?? 0) >= 20e6);
    assert.ok(old.length > 0, "an event's latency is the age of its watch");
    const range = await pick("--zxid", "0x100000010..0x100000020");
    const [low, high] = [0x100000010n, 0x100000020n];
    const inside = all.filter(({ zxid }) => zxid !== null && zxid >= low && zxid <= high);
    assert.equal(range.length, inside.length);
    const { session } = all.find((one) => one.kind === "connected") ?? {};
    const sessions = await pick("--session", `0x${session?.toString(16)}`);
    assert.equal(sessions.length, all.filter((one) => one.session === session).length);
    const server = await pick("--sid", "2", "--op", "getData");
    assert.ok(server.length > 0 && server.every((row) => row.fromSid === 2 || row.toSid === 2));
    const [client] = server.map((row) => String(row.direction === "up" ? row.from : row.to));
    const own = await pick("--client", client);
    assert.ok(own.length > 0 && own.every((row) => row.from === client || row.to === client));
  });
  it("--path finds what a multi does there, with its answer", async () => {
    const found = await pick("--path", "/m/short", "--op", "multi");
    const [request] = found;
    assert.deepEqual([request?.kind, found[found.length - 1]?.about], ["request", request?.n]);
    assert.ok(found.some((row) => row.kind === "packet" && row.name === "PROPOSAL"));
    assert.deepEqual(await pick("--path", "/m/none"), []);
  });
  it("--since and --until take offsets and times of day", async () => {
    const between = all.filter((one) => one.time >= 5e9 && one.time <= 6e9).length;
    assert.equal((await pick("--since", "+5", "--until", "+6")).length, between);
    const [first] = await pick("--since", "+5");
    const day = String(first.time).slice(11, 26);
    const [again] = await pick("--since", day);
    assert.equal(again.n, first.n);
  });
});

describe("times of day", () => {
  const frames = new Conversation(["10.0.0.1", 9], ["10.0.0.2", 2181]).open().send(0, HELLO).frames;
  it("may begin with one digit, and belong to any year", async () => {
    const usual = join(folder, "usual.pcap");
    writeFileSync(usual, pcapFile(frames, { epoch: 1_700_000_000 })); // 22:13:20
    const far = join(folder, "far.pcapng");
    const interfaces = [{ linkType: 1, resolution: 0 }];
    writeFileSync(far, pcapngFile(frames, { interfaces, epoch: 4e14 })); // 15:06:40
    for (const [capture, time] of [[usual, "9:05:10"], [usual, "9:05"], [far, "15:06:40"]]) {
      const { out } = await command("--since", time, capture);
      assert.match(out, / connect /, time);
    }
    assert.equal((await command("--since", "15:06:41", far)).out, "");
  });
});

describe("histogram", () => {
  it("percentiles are right within seven percent over six decades", () => {
    const histogram = new Histogram();
    const values = Array.from({ length: 5000 }, (_, i) => 200 * 1.003 ** i);
    for (const value of values) histogram.add(value);
    for (const q of [0.01, 0.5, 0.9, 0.99, 0.999]) {
      const truth = values[Math.ceil(q * values.length) - 1];
      const told = histogram.quantile(q);
      assert.ok(told >= truth * 0.99 && told <= truth * 1.08 + 100, `${q}: ${told} for ${truth}`);
    }
    assert.equal(histogram.quantile(1), histogram.max);
  });
});

describe("the HTML report", () => {
  it("needs nothing from outside, and no text of a capture can end its script", async () => {
    const evil = "/<script>alert(1)</script>";
    const path = new TextEncoder().encode(evil);
    const talk = new Conversation(["10.0.0.1", 9], ["10.0.0.2", 2181]).open();
    const body = put(b32(1), b32(4), b32(path.length), path, [0]);
    talk.send(0, put(b32(body.length), body));
    const capture = join(folder, "evil.pcap");
    writeFileSync(capture, pcapFile(talk.frames));
    const { out } = await command("-f", "html", capture);
    assert.ok(!out.includes(evil) && out.includes("\\u003cscript>alert(1)"));
    assert.doesNotMatch(out, /(src|href)=|url\(|https?:\/\//);
    assert.equal(out.match(/<\/script>/g)?.length, 2);
  });
  it("no text of a capture can end an attribute of the page", async () => {
    const { out } = await command("-f", "html", file);
    const esc = /^const (esc=.*);$/m.exec(out)?.[1] ?? "";
    const escape = new Function(`let ${esc}; return esc;`)() as (text: string) => string;
    assert.equal(escape("<a b='c' d=\"&\">"), "&#60;a b=&#39;c&#39; d=&#34;&#38;&#34;&#62;");
  });
  it("says how many messages it left out", async () => {
    const { out } = await command("-f", "html", "--limit", "10", file);
    const data = JSON.parse(/id="data">(.*?)<\/script>/s.exec(out)?.[1] ?? "") as Row;
    assert.equal((data.messages as unknown[]).length, 10);
    assert.equal(data.left, account.messages.length - 10);
    assert.match(String(data.more), /^Only the first 10 messages .* or raise --limit\.$/);
  });
  it("says when stories alone were left out, and not that messages were", () => {
    const report = new Report(10);
    const story = account.decoded.find((one) => one.type === "session");
    assert.ok(story);
    for (let i = 0; i < 2001; i++) report.add(story);
    const [, more] = /"more":"(.*?)"/.exec(report.page(account.facts)) ?? [];
    const words =
      "Only the first 2000 stories are, 1 more were left out: narrow it down with filters.";
    assert.equal(more, words);
  });

  const browser = ["chromium", "chromium-browser", "google-chrome"].find((name) =>
    spawnSync(name, ["--version"]).status === 0
  );
  const skip = browser === undefined ? "no Chromium is installed" : false;
  it("runs in a browser: draws, filters, and shows a message's bytes", { skip }, async () => {
    const page = join(folder, "report.html");
    writeFileSync(page, (await command("-f", "html", file)).out);
    const dom = execFileSync(browser ?? "", [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--window-size=1400,900",
      `--user-data-dir=${join(folder, "browser")}`,
      "--virtual-time-budget=5000",
      "--dump-dom",
      `file://${page}#find=setData&n=${account.messages.find((one) => one.name === "setData")?.n}`,
    ], { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] }).toString();
    const shown = account.messages.filter((one) =>
      one.name === "setData" || one.note.includes("setData")
    ).length;
    const rows = Number(/data-ready="(\d+)"/.exec(dom)?.[1]);
    assert.ok(rows >= shown && rows < account.messages.length, `${rows} rows for ${shown}`);
    assert.match(dom, /<h2>setData<\/h2>/);
    assert.match(dom, /<div id="hex">.*<span data-s="0">00<\/span>/s);
    assert.match(dom, new RegExp(`${shown} of ${account.messages.length} messages`));
  });
});

/** The options that an empty command line gives. */
const PLAIN = {
  format: null,
  verbose: false,
  hex: false,
  limit: null,
  op: [],
  path: [],
  session: [],
  sid: [],
  client: [],
  zxid: null,
  errors: false,
  slower: null,
  since: null,
  until: null,
  port: [],
};

describe("tap", () => {
  it("passes bytes on unchanged and decodes them as they pass", async () => {
    const request = put(b32(8), b32(-2), b32(11));
    const reply = put(b32(16), b32(-2), b32(1), b32(5), b32(0));
    const server = createServer((socket) => {
      let heard = 0;
      socket.on("data", (bytes) => {
        const before = heard;
        heard += bytes.length;
        if (before < HELLO.length && heard >= HELLO.length) socket.write(WELCOME);
        if (heard >= HELLO.length + request.length) socket.write(reply);
      });
    });
    const port = await listening(server);
    const said: Said = { out: "", err: "" };
    const stop = new AbortController();
    const running = tap(
      ["--listen", "127.0.0.1:0", "--to", `127.0.0.1:${port}`, "-f", "jsonl"],
      terminal(said, stop.signal),
    );
    const at = await poll(() => /tapping 127\.0\.0\.1:(\d+)/.exec(said.err)?.[1]);
    const client = connect(Number(at), "127.0.0.1");
    const got = await conversation(client, [[HELLO, WELCOME.length], [request, reply.length]]);
    assert.deepEqual(got, Buffer.concat([WELCOME, reply]));
    client.end();
    await poll(() => /"name":"ping","size":20/.exec(said.out)?.[0]);
    stop.abort();
    assert.equal(await running, 0);
    server.close();
    const rows = rowsOf(said.out).filter((row) => row.type === "message");
    assert.deepEqual(rows.map((row) => `${row.kind} ${row.name}`), [
      "connect connect",
      "connected connect",
      "request ping",
      "reply ping",
    ]);
    assert.ok(Number(rows[3].latencyMs) > 0);
    assert.equal(rows[1].session, "0x100000000000001");
  });

  it("who has said all still gets the answer, and nothing of a past connection is kept", async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.resume();
      socket.once("end", () => setTimeout(() => socket.end("imok"), 20));
    });
    const port = await listening(server);
    const said: Said = { out: "", err: "" };
    const stop = new AbortController();
    const io = terminal(said, stop.signal);
    const session = new DecodeSession(PLAIN, io);
    const proxy = new Tap(session, { host: "127.0.0.1", port }, io);
    const running = proxy.serve({ host: "127.0.0.1", port: 0 });
    const at = await poll(() => /tapping 127\.0\.0\.1:(\d+)/.exec(said.err)?.[1]);
    for (let i = 0; i < 3; i++) {
      const client = connect({ port: Number(at), host: "127.0.0.1", allowHalfOpen: true });
      let got = "";
      client.on("data", (bytes: Buffer) => got += bytes.toString());
      client.end("ruok");
      await new Promise((done) => client.once("close", done));
      assert.equal(got, "imok");
    }
    await poll(() => proxy.sockets === 0 ? true : undefined);
    stop.abort();
    await running;
    session.end();
    server.close();
    assert.equal(said.out.match(/imok/g)?.length, 3);
  });

  it("a connection that one side resets is reset for the other", async () => {
    const heard: string[] = [];
    const listen = (socket: Socket): void => {
      socket.once("data", (bytes) => {
        if (bytes.toString() === "server") socket.resetAndDestroy();
        else socket.write("heard");
      });
      socket.on("error", (error: NodeJS.ErrnoException) => heard.push(String(error.code)));
    };
    const server = createServer(listen);
    const port = await listening(server);
    const said: Said = { out: "", err: "" };
    const stop = new AbortController();
    const io = terminal(said, stop.signal);
    const proxy = new Tap(new DecodeSession(PLAIN, io), { host: "127.0.0.1", port }, io);
    const running = proxy.serve({ host: "127.0.0.1", port: 0 });
    const at = Number(await poll(() => /tapping 127\.0\.0\.1:(\d+)/.exec(said.err)?.[1]));
    const first = connect(at, "127.0.0.1");
    first.write("server");
    const end = await new Promise((done) => {
      first.once("error", (error: NodeJS.ErrnoException) => done(error.code));
      first.once("end", () => done("end"));
    });
    assert.equal(end, "ECONNRESET");
    const second = connect(at, "127.0.0.1");
    second.write("client");
    second.once("data", () => second.resetAndDestroy());
    await poll(() => proxy.sockets === 0 && second.destroyed ? true : undefined);
    assert.equal(await poll(() => heard[0]), "ECONNRESET");
    stop.abort();
    await running;
    server.close();
  });

  it("a client that ends before the server is there has ended", () => {
    const flags: number[] = [];
    const packets = new TapPackets(({ bytes }) => flags.push(bytes[33]));
    const end = { host: "127.0.0.1", port: 1 };
    const flow = packets.open(end, { ...end, port: 2 });
    flow.data(0, new TextEncoder().encode("ruok"));
    flow.end(0);
    flow.begin();
    packets.decode(Number.POSITIVE_INFINITY);
    assert.deepEqual(flags, [2, 18, 16, 16, 17]);
  });

  it("decodes in one slice at a time, however long that takes", async () => {
    let shown = 0;
    const packets = new TapPackets(() => {
      shown += 1;
      for (const until = performance.now() + 2; performance.now() < until;);
    });
    const end = { host: "127.0.0.1", port: 1 };
    packets.open(end, { ...end, port: 2 }).begin();
    let ends = 0;
    for (let i = 0; i < 5; i++) packets.decodeSliced(1, () => void (ends += 1));
    assert.equal(shown, 1);
    await poll(() => ends > 0 ? true : undefined);
    assert.deepEqual([shown, ends], [3, 1]);
  });

  it("says what is missing or wrong in its arguments", async () => {
    const said: Said = { out: "", err: "" };
    assert.equal(await tap(["--listen", "0"], terminal(said)), 2);
    assert.match(said.err, /--listen and --to are both needed/);
    await assert.rejects(
      tap(["--listen", "0", "--to", "nowhere"], terminal(said)),
      /not HOST:PORT/,
    );
    await assert.rejects(
      tap(["--listen", "0", "--to", "h:1", "--kind", "smtp"], terminal(said)),
      /none of client, election, quorum/,
    );
  });

  function listening(server: ReturnType<typeof createServer>): Promise<number> {
    return new Promise((done) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        done(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  }

  /** Sends each piece once the answers to those before are here. */
  async function conversation(
    client: Socket,
    steps: readonly (readonly [Uint8Array, number])[],
  ): Promise<Buffer> {
    const parts: Buffer[] = [];
    client.on("data", (bytes: Buffer) => parts.push(bytes));
    let expected = 0;
    for (const [bytes, answer] of steps) {
      client.write(bytes);
      expected += answer;
      await poll(() => Buffer.concat(parts).length >= expected ? true : undefined);
    }
    return Buffer.concat(parts);
  }

  async function poll<T>(probe: () => T | undefined): Promise<T> {
    for (let i = 0; i < 1000; i++) {
      const value = probe();
      if (value !== undefined) return value;
      await new Promise((done) => setTimeout(done, 10));
    }
    throw new Error("nothing came within ten seconds");
  }
});

describe("times", () => {
  it("are ISO 8601 with nanoseconds, on any day", () => {
    for (let day = -20_000; day < 60_000; day += 13) {
      const ns = BigInt(day) * 86_400_000_000_000n + BigInt(day & 4095) * 1_234_567_891n;
      const expected = new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19);
      if (ns >= 0n) assert.equal(isoTime(ns).slice(0, 19), expected);
      else assert.match(isoTime(ns), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    }
    assert.equal(isoTime(951_782_400_000_000_007n), "2000-02-29T00:00:00.000000007Z");
  });
});
