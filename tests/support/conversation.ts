// Follows one recorded connection and gives its messages, each with its exact bytes. The order of
// things on a connection is decided here (connect first, replies matched to requests, SNAP switches
// to a snapshot); the bytes are read by lib/wire. For streams without loss.

import { Fault } from "../../lib/base/errors.ts";
import { OpCode, PacketType, Xid } from "../../lib/txn/opcodes.ts";
import {
  ByteQueue,
  CLIENT_FRAME_MAX,
  FrameSplitter,
  NOTIFICATION_MAX,
} from "../../lib/wire/frames.ts";
import { isFourLetterWord } from "../../lib/wire/client.ts";
import { readInitialMessage } from "../../lib/wire/election.ts";
import { AuthReader, hasAuthMagic, PacketReader } from "../../lib/wire/learner.ts";
import * as messages from "../../lib/wire/message.ts";
import type { Message } from "../../lib/wire/message.ts";

/** Bytes that are no message: a frame that does not hold what it should, or no frame at all. */
export interface Undecoded {
  readonly kind: "undecoded";
  readonly why: Fault;
}

export interface Decoded {
  readonly from: "up" | "down";
  readonly message: Message | Undecoded;
  /** As it travelled, length included. */
  readonly bytes: Uint8Array;
}

export interface Conversation {
  /** Faults of the stream itself are thrown: nothing can be read from it any more. */
  push(from: "up" | "down", chunk: Uint8Array): Decoded[];
  /** Bytes that are in no message yet. */
  unread(from: "up" | "down"): number;
}

export function converse(kind: "client" | "election" | "quorum" | "4lw"): Conversation {
  if (kind === "quorum") return new LearnerConversation();
  if (kind === "election") return new ElectionConversation();
  return new ClientConversation();
}

/** What a frame holds; a bad one costs only itself. */
function decoded(decode: () => Message): Message | Undecoded {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { kind: "undecoded", why: error };
  }
}

/** A frame with its length again: the reader gives it without. */
function withLength(frame: Uint8Array): Uint8Array {
  const whole = new Uint8Array(4 + frame.length);
  new DataView(whole.buffer).setInt32(0, frame.length);
  whole.set(frame, 4);
  return whole;
}

class ClientConversation implements Conversation {
  #up = new FrameSplitter(CLIENT_FRAME_MAX, "client");
  #down = new FrameSplitter(0x7fffffff, "server");
  #mode: "fresh" | "text" | "frames" = "fresh";
  #isConnected = false;
  #pending: { xid: number; op: number }[] = [];

  push(from: "up" | "down", chunk: Uint8Array): Decoded[] {
    const side = from === "up" ? this.#up : this.#down;
    side.push(chunk);
    const found: Decoded[] = [];
    const give = (message: Message | Undecoded, bytes: Uint8Array) =>
      found.push({ from, message, bytes });
    if (from === "up" && this.#mode === "fresh") this.#start(give);
    if (this.#mode === "text") {
      const bytes = side.queue.take(side.queue.size);
      if (bytes.length > 0) give({ kind: from === "up" ? "argument" : "text", bytes }, bytes);
      return found;
    }
    for (let frame = side.next(); frame !== null; frame = side.next()) {
      const bytes = withLength(frame);
      give(decoded(() => from === "up" ? this.#request(frame) : this.#reply(frame)), bytes);
    }
    return found;
  }

  unread(from: "up" | "down"): number {
    return (from === "up" ? this.#up : this.#down).queue.size;
  }

  #start(give: (message: Message, bytes: Uint8Array) => void): void {
    if (this.#up.queue.size < 4) return;
    if (isFourLetterWord(this.#up.peekWord())) {
      this.#mode = "text";
      const bytes = this.#up.queue.take(4);
      give({ kind: "word", bytes }, bytes);
    } else {
      this.#mode = "frames";
    }
  }

  #isFirst = true;

  #request(frame: Uint8Array): Message {
    if (this.#isFirst) {
      this.#isFirst = false;
      return messages.decodeConnectRequest(frame);
    }
    const message = messages.decodeRequest(frame);
    if (message.kind === "request") {
      const { xid, type } = message.request.header;
      this.#pending.push({ xid: type === OpCode.ping ? Xid.ping : xid, op: type });
    }
    return message;
  }

  #reply(frame: Uint8Array): Message {
    if (!this.#isConnected) {
      this.#isConnected = true;
      return messages.decodeConnectResponse(frame);
    }
    const xid = frame.length < 4 ? 0 : new DataView(frame.buffer, frame.byteOffset).getInt32(0);
    if (xid === Xid.watchEvent) return messages.decodeReply(frame, null);
    // Not simply the oldest: auth and sasl are answered outside the pipeline (client.md 3.3).
    const index = this.#pending.findIndex((request) => request.xid === xid);
    const [request] = index < 0 ? [] : this.#pending.splice(index, 1);
    return messages.decodeReply(frame, request?.op ?? null);
  }
}

class ElectionConversation implements Conversation {
  #sides = { up: new ElectionSide(true), down: new ElectionSide(false) };

  push(from: "up" | "down", chunk: Uint8Array): Decoded[] {
    return [...this.#sides[from].push(chunk)].map((found) => ({ from, ...found }));
  }

  unread(from: "up" | "down"): number {
    return this.#sides[from].queue.size;
  }
}

class ElectionSide {
  readonly queue = new ByteQueue();
  #frames = new FrameSplitter(NOTIFICATION_MAX, "election", this.queue, 1);
  #auth = new AuthReader(this.queue, "election");
  #greeting: Uint8Array | null;
  #mayAuthenticate = true;

  constructor(dialled: boolean) {
    this.#greeting = dialled ? new Uint8Array(0) : null;
  }

  *push(chunk: Uint8Array): Generator<Omit<Decoded, "from">> {
    let bytes = chunk;
    if (this.#greeting !== null) {
      const all = new Uint8Array(this.#greeting.length + chunk.length);
      all.set(this.#greeting);
      all.set(chunk, this.#greeting.length);
      this.#greeting = all;
      const greeting = readInitialMessage(all);
      if (typeof greeting === "number") return;
      this.#greeting = null;
      bytes = all.subarray(greeting.size);
      yield { message: { kind: "greeting", greeting }, bytes: all.subarray(0, greeting.size) };
    }
    this.queue.push(bytes);
    while (this.#mayAuthenticate) {
      const magic = hasAuthMagic(this.queue);
      if (magic === null) return;
      this.#mayAuthenticate = magic;
      if (!magic) break;
      const auth = this.#auth.next();
      if (auth === null) return;
      const message: Message = { kind: "auth", auth };
      yield { message, bytes: this.#auth.taken };
    }
    for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) {
      yield {
        message: decoded(() => messages.decodeNotification(frame)),
        bytes: withLength(frame),
      };
    }
  }
}

class LearnerConversation implements Conversation {
  #sides = { up: new PacketReader(), down: new PacketReader() };
  #mayAuthenticate = { up: true, down: true };

  push(from: "up" | "down", chunk: Uint8Array): Decoded[] {
    const reader = this.#sides[from];
    reader.push(chunk);
    const found: Decoded[] = [];
    for (let message = this.#next(from); message !== null; message = this.#next(from)) {
      found.push({ from, message, bytes: reader.taken });
    }
    return found;
  }

  unread(from: "up" | "down"): number {
    return this.#sides[from].queue.size;
  }

  #next(from: "up" | "down"): Message | Undecoded | null {
    const reader = this.#sides[from];
    if (this.#mayAuthenticate[from]) {
      const magic = reader.hasAuthMagic();
      if (magic === null) return null;
      this.#mayAuthenticate[from] = magic;
      if (magic) {
        const auth = reader.nextAuth();
        return auth === null ? null : { kind: "auth", auth };
      }
    }
    if (reader.inSnapshot) {
      const part = reader.nextSnapshotPart();
      return part === null ? null : { kind: "snapshot", part };
    }
    const packet = reader.next();
    if (packet === null) return null;
    if (packet.type === PacketType.SNAP) reader.expectSnapshot();
    return decoded(() => messages.decodePacket(packet, from === "up" ? "learner" : "leader"));
  }
}
