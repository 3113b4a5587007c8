// Reads the recorded conversations of real servers in fixtures/captures: a packet file plus what the
// servers and clients themselves said about it. Decides nothing about ZooKeeper's bytes: it gives the
// exact byte streams of every TCP connection, in the chunks and at the times they were sent.
// Strict: a stream with a gap, or two segments that disagree about a byte, is an error, never a guess.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

/** Bytes of one TCP segment; `at` is microseconds since 1970. */
export interface Chunk {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export interface Endpoint {
  readonly addr: string;
  readonly port: number;
}

/** What a connection carries. `4lw` is a client port connection whose first bytes are a known word. */
export type ConnectionKind = "client" | "election" | "quorum" | "4lw";

/** How one direction ended; `open` means that the recording ended first. */
export type StreamEnd = "fin" | "rst" | "open";

/** One established connection. `client` dialled `server`; `up` flows from client to server. */
export interface CapturedConnection {
  /** Position in order of the first packet, from 0. */
  readonly id: number;
  readonly kind: ConnectionKind;
  readonly openedAt: number;
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly up: readonly Chunk[];
  readonly down: readonly Chunk[];
  readonly upEnd: StreamEnd;
  readonly downEnd: StreamEnd;
}

/** A server of the story. Addresses differ per member, so a packet's address names its sender. */
export interface MemberFacts {
  readonly sid: number;
  readonly addr: string;
  readonly role: "voter" | "observer";
  readonly clientPort: number;
  readonly quorumPort: number;
  readonly electionPort: number;
}

/** One request of a scripted client and the answer it got. */
export interface OpFacts {
  /** Name of the client in the story; sessions of one client may span connections. */
  readonly client: string;
  /** Local endpoint of the connection it was sent on. */
  readonly from: Endpoint;
  /** What was asked, in words of the story, e.g. `create`, `multi`, `connect`. */
  readonly op: string;
  readonly xid: number;
  readonly type: number;
  readonly path?: string;
  /** What is special about it, e.g. `wrong version`. */
  readonly note?: string;
  /** `closed` when the server closed the connection instead of answering. */
  readonly result: "answered" | "closed";
  /** Reply header fields; zxid as `0x…`. Absent when closed. */
  readonly err?: number;
  readonly zxid?: string;
  /** Granted timeout of a connect, 0 when the session was refused. */
  readonly timeoutMs?: number;
  /** Length of the reply payload (header included, length prefix not). */
  readonly replyLength?: number;
}

/** A session as its client was told of it; ids and passwords in hex. */
export interface SessionFacts {
  readonly client: string;
  readonly id: string;
  readonly password: string;
  readonly timeoutMs: number;
}

/** A span of the story; times are microseconds since 1970 by the clock of the packets. */
export interface ChapterFacts {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** What a server said about itself by a four-letter word. */
export interface StatedFacts {
  readonly at: number;
  readonly sid: number;
  readonly word: string;
  readonly text: string;
}

export interface CaptureFacts {
  readonly version: string;
  readonly tickTimeMs: number;
  readonly members: readonly MemberFacts[];
  readonly chapters: readonly ChapterFacts[];
  readonly sessions: readonly SessionFacts[];
  readonly ops: readonly OpFacts[];
  readonly stated: readonly StatedFacts[];
  /** Watch events as the scripted clients received them: type, state, path, zxid of the header. */
  readonly events: readonly {
    readonly client: string;
    readonly type: number;
    readonly state: number;
    readonly path: string;
    readonly zxid: string;
  }[];
  /** Client ends of connections whose client breaks the framing on purpose. */
  readonly garbage: readonly Endpoint[];
  /** Sync kinds the story arranged and a server's own log confirms, per restarted member. */
  readonly syncs: readonly { readonly sid: number; readonly kind: "DIFF" | "TRUNC" | "SNAP" }[];
  /** What the packet recorder counted; `dropped` must be 0. */
  readonly packets: { readonly captured: number; readonly dropped: number };
}

export interface Capture {
  readonly facts: CaptureFacts;
  readonly connections: readonly CapturedConnection[];
  /** Dials that were refused (SYN answered by RST). */
  readonly refused: number;
}

const folder = fileURLToPath(new URL("../../fixtures/captures/", import.meta.url));

/** Versions with a recording, oldest first. */
export function capturedVersions(): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(".pcap.gz"));
  const key = (version: string) =>
    version.split(".").map((part) => part.padStart(3, "0")).join(".");
  return names.map((name) => name.slice(0, -".pcap.gz".length))
    .sort((a, b) => key(a) < key(b) ? -1 : 1);
}

/** The raw packet file of a version (classic pcap, Ethernet frames), for readers of such files. */
export function captureBytes(version: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(`${folder}${version}.pcap.gz`)));
}

/** Facts and streams of one version's recording. */
export function loadCapture(version: string): Capture {
  const facts = JSON.parse(readFileSync(`${folder}${version}.json`, "utf8")) as CaptureFacts;
  const streams = reassemble(readSegments(captureBytes(version)));
  const connections = streams.connections.map((stream) => ({
    ...stream,
    kind: kindOf(facts, stream),
  }));
  return { facts, connections, refused: streams.refused };
}

type Stream = Omit<CapturedConnection, "kind">;

function kindOf(facts: CaptureFacts, stream: Stream): ConnectionKind {
  const { addr, port } = stream.server;
  const member = facts.members.find((m) => m.addr === addr);
  if (member?.electionPort === port) return "election";
  if (member?.quorumPort === port) return "quorum";
  if (member?.clientPort !== port) throw new Error(`capture: nobody listens at ${addr}:${port}`);
  const first = stream.up[0]?.bytes;
  const isWord = first !== undefined && first.length === 4 &&
    first.every((byte) => byte >= 0x61 && byte <= 0x7a);
  return isWord ? "4lw" : "client";
}

/** One TCP segment with its addresses. */
export interface Segment {
  readonly at: number;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly seq: number;
  readonly syn: boolean;
  readonly ack: boolean;
  readonly fin: boolean;
  readonly rst: boolean;
  readonly payload: Uint8Array;
}

/** Every TCP over IPv4 segment of a classic little-endian pcap file of Ethernet frames, in order. */
export function* readSegments(file: Uint8Array): Generator<Segment> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(0, true) !== 0xa1b2c3d4) throw new Error("pcap: not a µs file of this order");
  if (view.getUint32(20, true) !== 1) throw new Error("pcap: link type is not Ethernet");
  for (let at = 24; at < file.length;) {
    const micros = view.getUint32(at, true) * 1_000_000 + view.getUint32(at + 4, true);
    const kept = view.getUint32(at + 8, true);
    if (kept !== view.getUint32(at + 12, true)) throw new Error(`pcap: packet cut at byte ${at}`);
    yield readSegment(micros, new DataView(file.buffer, file.byteOffset + at + 16, kept));
    at += 16 + kept;
  }
}

function readSegment(at: number, frame: DataView): Segment {
  const ip = 14;
  if (frame.getUint16(12) !== 0x0800 || frame.getUint8(ip) >> 4 !== 4) {
    throw new Error("pcap: not IPv4");
  }
  if (frame.getUint8(ip + 9) !== 6) throw new Error("pcap: not TCP");
  if ((frame.getUint16(ip + 6) & 0x3fff) !== 0) throw new Error("pcap: an IP fragment");
  const end = ip + frame.getUint16(ip + 2);
  const tcp = ip + (frame.getUint8(ip) & 15) * 4;
  const data = tcp + (frame.getUint8(tcp + 12) >> 4) * 4;
  const flags = frame.getUint8(tcp + 13);
  const addr = (offset: number) => [0, 1, 2, 3].map((i) => frame.getUint8(offset + i)).join(".");
  return {
    at,
    from: { addr: addr(ip + 12), port: frame.getUint16(tcp) },
    to: { addr: addr(ip + 16), port: frame.getUint16(tcp + 2) },
    seq: frame.getUint32(tcp + 4),
    syn: (flags & 2) !== 0,
    ack: (flags & 16) !== 0,
    fin: (flags & 1) !== 0,
    rst: (flags & 4) !== 0,
    payload: new Uint8Array(frame.buffer, frame.byteOffset + data, end - data),
  };
}

/** One direction while it is being put together. Offsets count from the byte after the SYN. */
interface Side {
  first: number;
  length: number;
  chunks: Chunk[];
  end: StreamEnd;
}

interface Building {
  openedAt: number;
  client: Endpoint;
  server: Endpoint;
  up: Side | null;
  down: Side | null;
}

const keyOf = (a: Endpoint, b: Endpoint) => `${a.addr}:${a.port}>${b.addr}:${b.port}`;

/** Joins segments to streams. Throws on a gap, a contradiction, or a connection without its SYN. */
export function reassemble(
  segments: Iterable<Segment>,
): { connections: Stream[]; refused: number } {
  const live = new Map<string, Building>();
  const all: Building[] = [];
  for (const segment of segments) {
    const forth = keyOf(segment.from, segment.to);
    const back = keyOf(segment.to, segment.from);
    if (segment.syn && !segment.ack) {
      const known = live.get(forth);
      if (known?.up?.first === (segment.seq + 1) >>> 0 && known.down === null) continue;
      const building: Building = {
        openedAt: segment.at,
        client: segment.from,
        server: segment.to,
        up: newSide(segment.seq),
        down: null,
      };
      all.push(building);
      live.set(forth, building);
      continue;
    }
    const building = live.get(forth) ?? live.get(back);
    if (building === undefined) {
      // A reset may answer a packet of a connection that both ends have already forgotten.
      if (segment.rst && segment.payload.length === 0) continue;
      throw new Error(`pcap: ${forth} has no SYN`);
    }
    const isUp = live.has(forth);
    if (!isUp && segment.syn) building.down ??= newSide(segment.seq);
    else add(isUp ? building.up : building.down, segment, forth);
  }
  const made = all.filter((building) => building.down !== null);
  const connections = made.map(({ openedAt, client, server, up, down }, id) => ({
    id,
    openedAt,
    client,
    server,
    up: up?.chunks ?? [],
    down: down?.chunks ?? [],
    upEnd: up?.end ?? "open",
    downEnd: down?.end ?? "open",
  }));
  return { connections, refused: all.length - made.length };
}

function newSide(synSeq: number): Side {
  return { first: (synSeq + 1) >>> 0, length: 0, chunks: [], end: "open" };
}

function add(side: Side | null, segment: Segment, where: string): void {
  if (side === null) {
    if (segment.rst) return;
    throw new Error(`pcap: ${where} speaks before its SYN`);
  }
  if (segment.rst) {
    side.end = "rst";
    return;
  }
  const offset = (segment.seq - side.first) | 0;
  if (segment.payload.length > 0) {
    if (offset > side.length) throw new Error(`pcap: ${where} lacks bytes from ${side.length}`);
    const known = side.length - offset;
    // A keep-alive or a retransmission repeats old bytes; they must be the same ones.
    if (known > 0) checkRepeat(side, offset, segment.payload.subarray(0, known), where);
    if (known < segment.payload.length) {
      side.chunks.push({ at: segment.at, bytes: segment.payload.subarray(known) });
      side.length += segment.payload.length - known;
    }
  }
  if (segment.fin && offset + segment.payload.length > side.length) {
    throw new Error(`pcap: ${where} lacks bytes before its end`);
  }
  if (segment.fin && side.end === "open") side.end = "fin";
}

function checkRepeat(side: Side, offset: number, bytes: Uint8Array, where: string): void {
  let start = 0;
  for (const chunk of side.chunks) {
    for (let i = Math.max(offset, start); i < start + chunk.bytes.length; i++) {
      if (i - offset >= bytes.length) return;
      if (bytes[i - offset] !== chunk.bytes[i - start]) {
        throw new Error(`pcap: ${where} sends two different bytes at ${i}`);
      }
    }
    start += chunk.bytes.length;
  }
}

/** All bytes of one direction in one piece. */
export function joined(chunks: readonly Chunk[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk.bytes, at);
    at += chunk.bytes.length;
  }
  return whole;
}
