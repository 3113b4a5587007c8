// Strangers that mean no good, or are broken: what they send to each port of a member, and how it is
// seen that they cost only their own links. Bytes are written by the same code as the right ones.

import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { Output } from "../../lib/codec/output.ts";
import { writeConnectRequest } from "../../lib/wire/client.ts";
import { GREETING_V1, notificationFrame, writeInitialMessage } from "../../lib/wire/election.ts";
import {
  writeAckEpoch,
  writeBare,
  writeForwarded,
  writeLearnerHello,
} from "../../lib/wire/payloads.ts";
import { PacketType } from "../../lib/txn/opcodes.ts";

export interface Attack {
  readonly name: string;
  readonly bytes: readonly Uint8Array[];
  /** Bytes are repeated until the link is closed, and answers are not read. */
  readonly floods?: boolean;
  /** Bytes go out one at a time. */
  readonly drips?: boolean;
  /** The server may keep the link: nothing that was sent is against the rules. */
  readonly mayStay?: boolean;
}

/** What a flood comes to: enough to fill every queue on the way. */
const FLOOD_BYTES = 8 << 20;

export const HUGE = 0x7fffffff;

export const bytesOf = (write: (out: Output) => void): Uint8Array => {
  const out = new Output();
  write(out);
  return out.take();
};

/** The same every time: a failure can be looked at again. */
export function garbage(size: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state >>> 24;
  });
}

/** The start of a TLS 1.2 client hello. */
export const TLS_HELLO = Uint8Array.of(
  ...[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
  ...garbage(505, 7),
);
const HTTP = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: member\r\n\r\n");

const nonsense: readonly Attack[] = [
  { name: "garbage", bytes: [garbage(4096, 1)] },
  { name: "other garbage", bytes: [garbage(100, 2).fill(0xff, 0, 8)] },
  { name: "a TLS hello", bytes: [TLS_HELLO] },
  { name: "HTTP", bytes: [HTTP] },
  { name: "nothing at all", bytes: [] },
  { name: "half a word", bytes: [Uint8Array.of(0, 0)] },
];

const greeting = (sid: bigint): Uint8Array =>
  bytesOf((out) =>
    writeInitialMessage(out, {
      sid,
      version: GREETING_V1,
      addresses: [{ host: "127.0.0.1", port: 1 }],
    })
  );

const vote = (
  sid: bigint,
  peerEpoch: bigint,
  { config = "", state = 0, round = 0x7fffffffn } = {},
): Uint8Array =>
  notificationFrame({
    state,
    leader: sid,
    zxid: (peerEpoch << 32n) + 1000n,
    electionEpoch: round,
    peerEpoch,
    version: 2,
    config,
  }, 44);

const word = (value: number): Uint8Array => bytesOf((out) => out.int(value));

const NEWER_CONFIG = "server.95=127.0.0.1:1:2:participant\nversion=ffffff";
const LEADING = 2;
const LAST_SID = 0x7fff_ffff_ffff_ffffn;

/** `own`: sid of the member that is attacked; `other`: of one with which it has a link. */
export function electionAttacks(own: bigint, other: bigint): readonly Attack[] {
  return [
    ...nonsense,
    {
      name: "a greeting of 2 GiB",
      bytes: [bytesOf((out) => {
        out.long(GREETING_V1);
        out.long(99n);
        out.int(HUGE);
      })],
    },
    { name: "its own sid", bytes: [greeting(own), vote(own, 9n)] },
    { name: "a stranger's sid and a frame of 2 GiB", bytes: [greeting(99n), word(HUGE)] },
    { name: "a frame of negative length", bytes: [greeting(99n), word(-5)] },
    {
      name: "a frame that stays partial",
      bytes: [greeting(98n), word(40), garbage(10, 3)],
      mayStay: true,
    },
    {
      name: "a garbled notification",
      bytes: [greeting(97n), word(40), garbage(40, 4)],
      mayStay: true,
    },
    { name: "a stranger's winning vote", bytes: [greeting(96n), vote(96n, 1000n)], mayStay: true },
    { name: "a member's sid", bytes: [greeting(other), vote(other, 0n)], mayStay: true },
    {
      name: "a newer configuration",
      bytes: [greeting(95n), vote(95n, 1n, { config: NEWER_CONFIG })],
      mayStay: true,
    },
    {
      name: "a greeting and a vote, one byte at a time",
      bytes: [greeting(94n), vote(94n, 1000n)],
      drips: true,
      mayStay: true,
    },
    { name: "garbage, one byte at a time", bytes: [garbage(300, 9)], drips: true },
    { name: "a sid below all", bytes: [greeting(-5n), vote(-5n, 1000n)], mayStay: true },
    {
      name: "the last of all sids",
      bytes: [greeting(LAST_SID), vote(LAST_SID, 1000n)],
      mayStay: true,
    },
    ...[1, 2, 3].map((time): Attack => ({
      name: `one sid, link ${time}`,
      bytes: [greeting(93n), vote(93n, 5n)],
      mayStay: true,
    })),
    {
      name: "a member's sid with a vote of a round long over",
      bytes: [greeting(other), vote(other, 0n, { round: 0n })],
      mayStay: true,
    },
    {
      name: "a member's sid that says it leads",
      bytes: [greeting(other), vote(other, 1000n, { state: LEADING })],
      mayStay: true,
    },
    {
      name: "a stranger that says it leads",
      bytes: [greeting(92n), vote(92n, 1000n, { state: LEADING })],
      mayStay: true,
    },
    {
      name: "a member's vote from a round before the first",
      bytes: [greeting(other), vote(own, 0n, { round: -1n })],
      mayStay: true,
    },
    {
      name: "a member's vote of the last of all rounds",
      bytes: [greeting(other), vote(own, 0n, { round: (1n << 63n) - 1n })],
      mayStay: true,
    },
    {
      name: "a flood of votes, answers unread",
      bytes: [greeting(99n), vote(99n, 0n)],
      floods: true,
      mayStay: true,
    },
  ];
}

const hello = (sid: bigint, acceptedEpoch: bigint, isObserver = false): Uint8Array =>
  bytesOf((out) => {
    const type = isObserver ? PacketType.OBSERVERINFO : PacketType.FOLLOWERINFO;
    const info = { serverid: sid, protocolVersion: 0x10000, configVersion: 0n };
    writeLearnerHello(out, type, acceptedEpoch, info);
  });

const bare = (type: PacketType, zxid: bigint): Uint8Array =>
  bytesOf((out) => writeBare(out, type, zxid));

const joined = (sid: bigint, zxid = 0n): Uint8Array[] => [
  hello(sid, 0n, true),
  bytesOf((out) => writeAckEpoch(out, zxid, 0)),
];

/** At a leader, as a learner. `own`: the leader's sid; `other`: a follower's. */
export function quorumAttacks(own: bigint, other: bigint, epoch: bigint): readonly Attack[] {
  const ack = bare(PacketType.ACK, epoch << 32n);
  const packet = (type: number, length: number): Uint8Array =>
    bytesOf((out) => {
      out.int(type);
      out.long(0n);
      out.int(length);
    });
  const request = (body: Uint8Array): Uint8Array =>
    bytesOf((out) => writeForwarded(out, { sessionId: 77n, cxid: 1, type: 1 }, body, null));
  return [
    ...nonsense,
    { name: "a packet of 2 GiB", bytes: [packet(PacketType.FOLLOWERINFO, HUGE)] },
    { name: "a packet of negative length", bytes: [packet(PacketType.FOLLOWERINFO, -7)] },
    {
      name: "two billion auth infos",
      bytes: [bytesOf((out) => {
        out.int(PacketType.FOLLOWERINFO);
        out.long(0n);
        out.int(-1);
        out.int(HUGE);
        for (let i = 0; i < 1000; i++) out.ustring("scheme".repeat(1000));
      })],
    },
    {
      name: "its own sid",
      bytes: [hello(own, 0n), bytesOf((out) => writeAckEpoch(out, 0n, 0)), ack],
    },
    { name: "no greeting", bytes: [bare(PacketType.ACK, 1n)] },
    { name: "the last of all epochs", bytes: [hello(99n, 0x7fffffffn)] },
    { name: "a follower's sid, then silence", bytes: [hello(other, 0n)] },
    {
      name: "a follower's sid and a history from the future",
      bytes: [
        hello(other, 0n),
        bytesOf((out) => writeAckEpoch(out, 0x7000_0000_0000_0000n, 0x70000000)),
      ],
    },
    { name: "a sync that is never read", bytes: joined(99n) },
    {
      name: "acks of what nobody proposed",
      bytes: [...joined(98n), ack, bare(PacketType.ACK, HUGE_ZXID)],
    },
    {
      name: "a request that is cut short",
      bytes: [
        ...joined(97n),
        ack,
        packet(PacketType.REQUEST, 3),
        Uint8Array.of(1, 2, 3, 255, 255, 255, 255),
      ],
    },
    {
      name: "a create without a body",
      bytes: [...joined(96n), ack, request(new Uint8Array(0))],
      mayStay: true,
    },
    {
      name: "a create of garbage",
      bytes: [...joined(95n), ack, request(garbage(64, 5))],
      mayStay: true,
    },
    {
      name: "a flood of pings",
      bytes: [...joined(94n), ack, bare(PacketType.PING, 0n)],
      floods: true,
      mayStay: true,
    },
  ];
}

const HUGE_ZXID = 0x7fff_ffff_0000_0001n;

const login = bytesOf((out) => {
  const at = out.reserve();
  writeConnectRequest(out, {
    protocolVersion: 0,
    lastZxidSeen: 0n,
    timeOut: 4000,
    sessionId: 0n,
    passwd: new Uint8Array(16),
  }, false);
  out.patchLength(at);
});

const request = (op: number, write: (out: Output) => void): Uint8Array =>
  bytesOf((out) => {
    const at = out.reserve();
    out.int(1);
    out.int(op);
    write(out);
    out.patchLength(at);
  });

/** `big`: path of a znode with much data. */
export function clientAttacks(big: string): readonly Attack[] {
  return [
    ...nonsense,
    { name: "a frame of 2 GiB", bytes: [word(HUGE)] },
    { name: "a frame of negative length", bytes: [word(-1)] },
    { name: "a login and a frame of 2 GiB", bytes: [login, word(HUGE)] },
    { name: "a login and garbage", bytes: [login, word(100), garbage(100, 6)], mayStay: true },
    { name: "half a request", bytes: [login, word(100), garbage(10, 6)] },
    {
      name: "a flood of reads, answers unread",
      bytes: [
        login,
        request(4, (out) => {
          out.ustring(big);
          out.boolean(false);
        }),
      ],
      floods: true,
      mayStay: true,
    },
  ];
}

export interface Struck {
  /** Whether the server had closed the link before the time was over. */
  readonly isClosed: boolean;
  end(): void;
}

/** Does one attack; resolves when the server has closed the link, else after `forMs`. */
export async function strike(port: number, attack: Attack, forMs: number): Promise<Struck> {
  const socket = connect(port, "127.0.0.1");
  let isClosed = false;
  socket.on("error", () => {
    // A reset is how a server gets rid of us; "close" follows.
  });
  socket.on("close", () => isClosed = true);
  await new Promise<void>((done) => {
    socket.once("connect", done);
    socket.once("close", () => done());
  });
  if (attack.floods === true) socket.pause();
  else socket.resume();
  const deadline = performance.now() + forMs;
  for (const bytes of attack.bytes) {
    if (attack.drips !== true) {
      socket.write(bytes);
      continue;
    }
    for (const byte of bytes) {
      if (isClosed) break;
      socket.write(Uint8Array.of(byte));
      await wait(5);
    }
  }
  const last = attack.bytes.at(-1);
  let left = FLOOD_BYTES;
  while (!isClosed && performance.now() < deadline) {
    if (attack.floods === true && last !== undefined) left -= pour(socket, last, left);
    await wait(10);
  }
  return { isClosed, end: () => socket.destroy() };
}

function pour(socket: Socket, bytes: Uint8Array, most: number): number {
  let poured = 0;
  while (poured < most && socket.writableLength < 64 << 10) {
    socket.write(bytes);
    poured += bytes.length;
    if (poured > 64 << 10) break;
  }
  return poured;
}
