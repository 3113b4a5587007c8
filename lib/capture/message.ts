// What the decoder says: messages (one each request, reply, packet, notification and so on) and
// stories (what became of a session, a write, an election, a learner's catch-up; what was lost).
// These are the stable fields of `--format jsonl` and of the library; see json.ts for their JSON.

import type { SessionId, Sid, Zxid } from "../base/ids.ts";

export type Protocol =
  | "client"
  | "words" // four-letter words
  | "election"
  | "quorum"
  | "tls"
  | "http" // the admin server
  | "unknown";

export type MessageKind =
  | "connect" // a client's connect request
  | "connected" // the answer to it
  | "request"
  | "reply"
  | "event" // a watch event
  | "word"
  | "text" // the answer to a word
  | "greeting" // the first bytes of an election connection
  | "notification"
  | "packet" // of the learner port
  | "snapshot" // a piece of a SNAP stream
  | "sasl" // an authentication step between servers
  | "tls"
  | "http"
  | "malformed"; // framed like a message, but nothing that any version sends

/** How the bytes are laid out; what {@link Message.bytes} means. See fields.ts. */
export type Layout =
  | { readonly of: "connectRequest" }
  | { readonly of: "connectResponse" }
  | { readonly of: "request" }
  /** `op` is that of the request; null when nobody saw it. */
  | { readonly of: "reply"; readonly op: number | null }
  | { readonly of: "greeting" }
  | { readonly of: "notification" }
  | { readonly of: "packet"; readonly from: "leader" | "learner" }
  | { readonly of: "auth" }
  | { readonly of: "snapshot"; readonly part: SnapshotPartName }
  | { readonly of: "text" }
  | { readonly of: "tls" }
  | { readonly of: "raw" };

export type SnapshotPartName =
  | "sessionCount"
  | "session"
  | "aclCount"
  | "acl"
  | "node"
  | "end"
  | "signature";

export interface Message {
  readonly type: "message";
  /** Counts from 1 in order of the capture. */
  readonly n: number;
  /** Nanoseconds after the first packet of the capture. */
  readonly time: number;
  /** Counts from 1 in order of appearance. */
  readonly connection: number;
  readonly protocol: Protocol;
  /** `address:port`, IPv6 in brackets. */
  readonly from: string;
  readonly to: string;
  /** `up`: from the side that dialled (client, learner) to the other. */
  readonly direction: "up" | "down";
  /** Server ids of the ends, where known by then. */
  readonly fromSid: Sid | null;
  readonly toSid: Sid | null;
  readonly kind: MessageKind;
  /** Name of the op, packet type, state or word. */
  readonly name: string;
  /** Bytes on the wire, length prefix included; and those of them that the capture lacks. */
  readonly size: number;
  readonly lost: number;
  readonly xid: number | null;
  readonly session: SessionId | null;
  readonly zxid: Zxid | null;
  readonly path: string | null;
  /** Error code of a reply; 0 is OK. */
  readonly error: number | null;
  /** Reply: nanoseconds since its request. Event: since the watch was armed. */
  readonly latency: number | null;
  /** Reply: its request. Event: the request that armed the watch. */
  readonly about: number | null;
  /** What else is worth a glance in a line. */
  readonly note: string;
  readonly layout: Layout;
  /** A copy of what was captured of the message, length prefix included. */
  readonly bytes: Uint8Array;
}

interface StoryBase {
  /** When the story became known, nanoseconds after the first packet. */
  readonly time: number;
}

/** A connection whose protocol has been found out, or that is over. */
export interface ConnectionStory extends StoryBase {
  readonly type: "connection";
  readonly what: "recognised" | "closed";
  readonly connection: number;
  readonly protocol: Protocol;
  readonly from: string;
  readonly to: string;
  /** Closed: fin, reset, replaced, idle, end of capture. Recognised: how it was. */
  readonly why: string;
  readonly messages: number;
  readonly bytes: number;
  readonly lost: number;
}

/** Bytes that the capture lacks, or that could not be read. */
export interface LossStory extends StoryBase {
  readonly type: "loss";
  readonly connection: number;
  readonly protocol: Protocol;
  readonly from: string;
  readonly to: string;
  /** `not captured` and `cut` are missing; `unreadable` were there, but within no whole message. */
  readonly why: "not captured" | "cut" | "unreadable";
  readonly bytes: number;
}

export interface SessionStory extends StoryBase {
  readonly type: "session";
  readonly session: SessionId;
  readonly what:
    | "opened"
    | "resumed" // on the server it was on before
    | "moved"
    | "refused" // the server does not know it, or the password was wrong
    | "closing" // by its client
    | "closed"
    | "expired"; // by the leader
  readonly client: string | null;
  readonly server: string | null;
  readonly sid: Sid | null;
  readonly timeoutMs: number | null;
  readonly zxid: Zxid | null;
  /** Nanoseconds that the server took to answer the connect request. */
  readonly latency: number | null;
  readonly note: string;
}

/** One step of a write at one follower or observer; times as elsewhere, null when not seen. */
export interface WriteHop {
  readonly sid: Sid | null;
  readonly to: string;
  readonly proposed: number | null;
  readonly acked: number | null;
  readonly committed: number | null;
}

export interface WriteStory extends StoryBase {
  readonly type: "write";
  readonly zxid: Zxid;
  readonly session: SessionId;
  readonly cxid: number;
  readonly op: string;
  readonly path: string | null;
  /** Error code of an error transaction; 0 for a change. */
  readonly error: number;
  /** Client to server; server to leader; leader to members; server to client. */
  readonly requested: number | null;
  readonly forwarded: number | null;
  readonly forwardedBy: Sid | null;
  readonly hops: readonly WriteHop[];
  readonly replied: number | null;
}

export interface ElectionVote {
  readonly sid: Sid | null;
  readonly from: string;
  readonly state: string;
  readonly leader: Sid;
  readonly zxid: Zxid;
  readonly peerEpoch: bigint;
  readonly time: number;
}

export interface ElectionStory extends StoryBase {
  readonly type: "election";
  readonly round: bigint;
  readonly from: number;
  readonly leader: Sid | null;
  /** Every change of mind, in order. */
  readonly votes: readonly ElectionVote[];
  /** Sids that ended with the leader's vote. */
  readonly supporters: readonly Sid[];
  readonly why: string;
}

export interface SyncStory extends StoryBase {
  readonly type: "sync";
  readonly connection: number;
  readonly sid: Sid | null;
  readonly role: "follower" | "observer";
  readonly leader: string;
  readonly kind: "DIFF" | "TRUNC" | "SNAP" | null;
  /** What the learner had; what the first sync packet named. */
  readonly learnerZxid: Zxid | null;
  readonly zxid: Zxid | null;
  readonly epoch: bigint | null;
  readonly proposals: number;
  readonly firstZxid: Zxid | null;
  readonly lastZxid: Zxid | null;
  readonly bytes: number;
  readonly snapshotNodes: number;
  readonly snapshotSessions: number;
  readonly lost: number;
  /** Times of the steps; null when not seen. */
  readonly started: number;
  readonly synced: number | null;
  readonly newLeader: number | null;
  readonly acked: number | null;
  readonly upToDate: number | null;
  readonly outcome: "complete" | "broken off" | "under way";
}

export interface EpochStory extends StoryBase {
  readonly type: "epoch";
  readonly epoch: bigint;
  readonly leader: Sid | null;
  readonly at: string;
  readonly what: "proposed" | "established";
}

/** Facts of a TLS handshake, from its open part. */
export interface TlsStory extends StoryBase {
  readonly type: "tls";
  readonly connection: number;
  readonly from: string;
  readonly to: string;
  readonly what: "client hello" | "server hello" | "certificate" | "alert" | "encrypted";
  readonly version: string | null;
  readonly cipher: string | null;
  readonly serverName: string | null;
  readonly protocols: readonly string[];
  readonly note: string;
}

export type Story =
  | ConnectionStory
  | LossStory
  | SessionStory
  | WriteStory
  | ElectionStory
  | SyncStory
  | EpochStory
  | TlsStory;

export type Decoded = Message | Story;
