// How fast captures are decoded: a generated capture of clients and an ensemble at work, decoded by
// `summary` (counting), by the library (every message an object) and, where installed, read by
// tshark, which follows TCP but does not know ZooKeeper. The same at ten times the length shows
// whether memory stays flat.
//
//   npx tsx bench/decode.ts [messages] [--long]
//
// Deterministic: the same number of messages gives the same file.

import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Output } from "../lib/codec/output.ts";
import { Decoder } from "../lib/capture/decoder.ts";
import { Summary } from "../lib/capture/summary.ts";
import { OpCode, PacketType } from "../lib/txn/opcodes.ts";

const CLIENTS = 64;
const SERVERS = 3;
const CHUNK = 1 << 20;

/** One TCP connection with its sequence numbers. */
interface Wire {
  readonly client: readonly [number, number];
  readonly server: readonly [number, number];
  readonly seq: [number, number];
}

/** Writes packets of raw IPv4 into a file, by the clock of the story. */
class Tape {
  readonly #file: number;
  readonly #out = new Output(CHUNK + 65536);
  #micros = 0;
  messages = 0;

  constructor(path: string) {
    this.#file = openSync(path, "w");
    this.#out.int(0xa1b2c3d4 | 0);
    this.#out.int(0x00020004);
    this.#out.long(0n);
    this.#out.int(262144);
    this.#out.int(101);
  }

  /** Sends a message (or only flags); the peer's bytes so far are acknowledged by it. */
  packet(wire: Wire, side: 0 | 1, flags: number, payload: Uint8Array): void {
    const out = this.#out;
    const [from, to] = side === 0 ? [wire.client, wire.server] : [wire.server, wire.client];
    const length = 40 + payload.length;
    this.#micros += 7;
    out.int(1_700_000_000 + Math.floor(this.#micros / 1e6));
    out.int(this.#micros % 1_000_000);
    out.int(length);
    out.int(length);
    out.int(0x45000000 | length);
    out.int(0x00004000);
    out.int(0x40060000);
    out.int(from[0]);
    out.int(to[0]);
    out.int((from[1] << 16) | to[1]);
    out.int(wire.seq[side] | 0);
    out.int((flags & 16) === 0 ? 0 : wire.seq[side ^ 1] | 0);
    out.int((0x50 << 24) | (flags << 16) | 0xffff);
    out.int(0);
    out.rawRange(payload, 0, payload.length);
    wire.seq[side] = (wire.seq[side] + payload.length + ((flags & 3) === 0 ? 0 : 1)) >>> 0;
    if (out.size > CHUNK) this.flush();
  }

  say(wire: Wire, side: 0 | 1, payload: Uint8Array): void {
    this.messages += 1;
    this.packet(wire, side, 24, payload);
  }

  flush(): void {
    writeSync(this.#file, this.#out.view());
    this.#out.reset();
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }
}

const EMPTY = new Uint8Array(0);

function open(tape: Tape, wire: Wire): void {
  tape.packet(wire, 0, 2, EMPTY);
  tape.packet(wire, 1, 18, EMPTY);
  tape.packet(wire, 0, 16, EMPTY);
}

const address = (group: number, host: number): number => (10 << 24) | (group << 8) | host;

/** Clients that read and write, followers that pass writes on, a leader that proposes them. */
class Story {
  readonly #tape: Tape;
  readonly #out = new Output();
  readonly #clients: Wire[];
  readonly #learners: Wire[];
  readonly #xids = new Int32Array(CLIENTS);
  #zxid = 0;
  #dice = 12345;

  constructor(tape: Tape) {
    this.#tape = tape;
    this.#clients = Array.from({ length: CLIENTS }, (_, i) => ({
      client: [address(1, 1 + (i >> 2)), 40000 + i],
      server: [address(0, 1 + (i % SERVERS)), 2181],
      seq: [i * 7919, i * 104729],
    }));
    this.#learners = [1, 2].map((sid): Wire => ({
      client: [address(0, sid), 50000 + sid],
      server: [address(0, 3), 2888],
      seq: [sid * 1000, sid * 2000],
    }));
    for (const [i, wire] of this.#clients.entries()) this.#connect(wire, i);
    for (const [i, wire] of this.#learners.entries()) this.#learn(wire, i + 1);
  }

  #message(fill: (out: Output) => void, isFramed = true): Uint8Array {
    const out = this.#out;
    out.reset();
    const length = isFramed ? out.reserve() : 0;
    fill(out);
    if (isFramed) out.patchLength(length);
    return out.view();
  }

  #session = (i: number): bigint => (BigInt(1 + (i % SERVERS)) << 56n) | BigInt(i);

  #connect(wire: Wire, i: number): void {
    open(this.#tape, wire);
    const connect = this.#message((out) => {
      out.int(0);
      out.long(0n);
      out.int(30000);
      out.long(0n);
      out.buffer(new Uint8Array(16));
      out.boolean(false);
    });
    this.#tape.say(wire, 0, connect);
    const connected = this.#message((out) => {
      out.int(0);
      out.int(30000);
      out.long(this.#session(i));
      out.buffer(new Uint8Array(16).fill(i));
      out.boolean(false);
    });
    this.#tape.say(wire, 1, connected);
  }

  #packet(type: number, low: number, data: ((out: Output) => void) | null = null): Uint8Array {
    return this.#message((out) => {
      out.int(type);
      out.words(type === PacketType.REQUEST ? -1 : 1, type === PacketType.REQUEST ? -1 : low);
      if (data === null) out.int(-1);
      else {
        const length = out.reserve();
        data(out);
        out.patchLength(length);
      }
      out.int(-1);
    }, false);
  }

  #learn(wire: Wire, sid: number): void {
    open(this.#tape, wire);
    const hello = this.#packet(PacketType.FOLLOWERINFO, 0, (out) => {
      out.long(BigInt(sid));
      out.int(0x10000);
      out.long(0n);
    });
    this.#tape.say(wire, 0, hello);
    this.#tape.say(wire, 1, this.#packet(PacketType.LEADERINFO, 0, (out) => out.int(0x10000)));
    this.#tape.say(wire, 0, this.#packet(PacketType.ACKEPOCH, 0, (out) => out.int(0)));
    for (const type of [PacketType.DIFF, PacketType.NEWLEADER]) {
      this.#tape.say(wire, 1, this.#packet(type, 0));
    }
    this.#tape.say(wire, 0, this.#packet(PacketType.ACK, 0));
    this.#tape.say(wire, 1, this.#packet(PacketType.UPTODATE, 0));
  }

  /** One request with its reply, and what a write needs among the servers. */
  step(): void {
    this.#dice = (Math.imul(this.#dice, 1103515245) + 12345) >>> 0;
    const i = (this.#dice >>> 8) % CLIENTS;
    const kind = (this.#dice >>> 16) % 100;
    const wire = this.#clients[i];
    const xid = ++this.#xids[i];
    const path = `/services/app-${(this.#dice >>> 4) % 200}/config-${(this.#dice >>> 12) % 50}`;
    if (kind < 5) return this.#exchange(wire, -2, OpCode.ping, null, 0);
    if (kind < 60) return this.#exchange(wire, xid, OpCode.getData, path, 4 + 64 + 68);
    if (kind < 80) return this.#exchange(wire, xid, OpCode.exists, path, 68);
    if (kind < 90) return this.#exchange(wire, xid, OpCode.getChildren2, path, 4 + 10 * 14 + 68);
    this.#write(wire, i, xid, path);
  }

  #request(wire: Wire, xid: number, op: number, path: string | null): void {
    const request = this.#message((out) => {
      out.int(xid);
      out.int(op);
      if (path === null) return;
      out.ustring(path);
      out.boolean(false);
    });
    this.#tape.say(wire, 0, request);
  }

  #exchange(wire: Wire, xid: number, op: number, path: string | null, body: number): void {
    this.#request(wire, xid, op, path);
    this.#reply(wire, xid, body);
  }

  #reply(wire: Wire, xid: number, body: number): void {
    const reply = this.#message((out) => {
      out.int(xid);
      out.words(1, this.#zxid);
      out.int(0);
      out.raw(ZEROS.subarray(0, body));
    });
    this.#tape.say(wire, 1, reply);
  }

  #write(wire: Wire, i: number, xid: number, path: string): void {
    const data = ZEROS.subarray(0, 100);
    const request = this.#message((out) => {
      out.int(xid);
      out.int(OpCode.setData);
      out.ustring(path);
      out.buffer(data);
      out.int(-1);
    });
    this.#tape.say(wire, 0, request);
    const own = this.#learners[i % SERVERS];
    const session = this.#session(i);
    if (own !== undefined) {
      const forwarded = this.#packet(PacketType.REQUEST, 0, (out) => {
        out.long(session);
        out.int(xid);
        out.int(OpCode.setData);
        out.ustring(path);
        out.buffer(data);
        out.int(-1);
      });
      this.#tape.say(own, 0, forwarded);
    }
    const low = ++this.#zxid;
    for (const learner of this.#learners) {
      const proposal = this.#packet(PacketType.PROPOSAL, low, (out) => {
        out.long(session);
        out.int(xid);
        out.words(1, low);
        out.long(1_700_000_000_000n);
        out.int(OpCode.setData);
        out.ustring(path);
        out.buffer(data);
        out.int(low);
      });
      this.#tape.say(learner, 1, proposal);
    }
    for (const learner of this.#learners) {
      this.#tape.say(learner, 0, this.#packet(PacketType.ACK, low));
    }
    for (const learner of this.#learners) {
      this.#tape.say(learner, 1, this.#packet(PacketType.COMMIT, low));
    }
    this.#reply(wire, xid, 68);
  }
}

const ZEROS = new Uint8Array(4096);

function generate(path: string, messages: number): { messages: number; bytes: number } {
  const tape = new Tape(path);
  const story = new Story(tape);
  while (tape.messages < messages) story.step();
  tape.close();
  return { messages: tape.messages, bytes: statSync(path).size };
}

interface Measure {
  readonly seconds: number;
  readonly messages: number;
  /** Most memory in use at any chunk, MB above the start. */
  readonly heapMb: number;
  readonly rssMb: number;
}

/** Decodes a file chunk by chunk, as the command does. */
function decode(path: string, isRich: boolean): Measure {
  const file = openSync(path, "r");
  const buffer = new Uint8Array(CHUNK);
  const summary = isRich ? null : new Summary();
  let shown = 0;
  const count = (): void => {
    shown += 1;
  };
  const decoder = new Decoder(isRich ? { message: count, story: count } : null, summary);
  summary?.usePaths(decoder.context.paths);
  if (summary !== null) decoder.context.onStory((story) => summary.story(story));
  const before = process.memoryUsage();
  let [heap, rss] = [0, 0];
  const started = performance.now();
  for (;;) {
    const read = readSync(file, buffer, 0, CHUNK, null);
    if (read === 0) break;
    decoder.push(buffer.subarray(0, read));
    const { heapUsed, rss: resident } = process.memoryUsage();
    heap = Math.max(heap, heapUsed - before.heapUsed);
    rss = Math.max(rss, resident);
  }
  decoder.end();
  closeSync(file);
  const seconds = (performance.now() - started) / 1000;
  const { messages, lost, unreadable, unknown } = decoder.facts();
  if (lost + unreadable + unknown > 0) throw new Error("the generated capture must decode whole");
  return { seconds, messages, heapMb: heap / 1e6, rssMb: rss / 1e6 };
}

/** Seconds that tshark needs to read the file and follow its TCP connections; null without it. */
function tshark(path: string): number | null {
  if (spawnSync("tshark", ["--version"]).status !== 0) return null;
  const started = performance.now();
  execFileSync("tshark", ["-q", "-n", "-r", path, "-z", "conv,tcp"], {
    stdio: ["ignore", "ignore", "ignore"],
    maxBuffer: 1 << 28,
  });
  return (performance.now() - started) / 1000;
}

function report(name: string, messages: number, bytes: number, seconds: number, more = ""): void {
  const rate = (messages / seconds / 1e6).toFixed(2);
  const speed = (bytes / seconds / 1e6).toFixed(0);
  console.log(
    `${name.padEnd(28)} ${seconds.toFixed(2)} s  ${rate} M messages/s  ${speed} MB/s  ${more}`,
  );
}

const folder = mkdtempSync(join(tmpdir(), "zkpeer-bench-"));
try {
  const wanted = Number(process.argv[2] ?? 1_000_000);
  const path = join(folder, "short.pcap");
  const { messages, bytes } = generate(path, wanted);
  console.log(`${messages} messages, ${(bytes / 1e6).toFixed(0)} MB`);
  decode(path, false); // warms the compiler up, as a long capture does by itself
  const counted = decode(path, false);
  const memory = (m: Measure): string =>
    `heap +${m.heapMb.toFixed(0)} MB, rss ${m.rssMb.toFixed(0)} MB`;
  report("zkpeer, summary", messages, bytes, counted.seconds, memory(counted));
  const rich = decode(path, true);
  report("zkpeer, every message", messages, bytes, rich.seconds, memory(rich));
  const other = tshark(path);
  if (other === null) console.log("tshark is not installed");
  else {
    report("tshark, TCP only", messages, bytes, other);
    console.log(`summary is ${(other / counted.seconds).toFixed(1)} times as fast`);
  }
  if (process.argv.includes("--long")) {
    rmSync(path);
    const long = join(folder, "long.pcap");
    const made = generate(long, wanted * 10);
    const ten = decode(long, false);
    report("zkpeer, ten times as long", made.messages, made.bytes, ten.seconds, memory(ten));
  }
} finally {
  rmSync(folder, { recursive: true });
}
