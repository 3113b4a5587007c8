// Which protocol does a connection speak? Found out from its bytes. The first bytes of a connection
// are enough, for each protocol begins in its own way; in mid-stream a message beyond doubt must be
// found first (checks.ts). Ports are a hint for one case only: a server that dials just to be dialled
// back says no more than its number.

import { isAuth } from "./auth_bytes.ts";
import { i32, u16 } from "./bytes.ts";
import { checkNotification, checkPacket, checkReply, checkRequest, checkTls } from "./checks.ts";
import { isConnectRequest, isConnectResponse } from "./client_ops.ts";
import { greetingSize } from "./election_talk.ts";
import type { Protocol } from "./message.ts";
import type { Places } from "./places.ts";

/** Which side of the protocol sent the bytes that were recognised. */
export type Role = "client" | "server";

export interface Verdict {
  readonly protocol: Exclude<Protocol, "unknown">;
  /** Of the side whose bytes these are. */
  readonly role: Role;
  /** How it was found out, for people. */
  readonly why: string;
}

const WORDS = new Set(
  ("conf cons crst dirs dump envi gtmk ruok stmk srst srvr stat wchs wchc wchp wcht mntr isro hash " +
    "lead obsr").split(" "),
);
const METHODS = /^(GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT) /;
const FOLLOWERINFO = 11;
const OBSERVERINFO = 16;
const GREETING_FORMS = new Set([28, 36, 40]);

/**
 * Judges the first bytes that one side sends. "more": it may become something. null: it is nothing
 * that begins like this.
 */
export function recogniseStart(
  bytes: Uint8Array,
  start: number,
  end: number,
  hint: Protocol | null,
): Verdict | "more" | null {
  const found = startOfClient(bytes, start, end) ?? startOfText(bytes, start, end) ??
    startOfTls(bytes, start, end) ?? startOfQuorum(bytes, start, end, hint) ??
    startOfElection(bytes, start, end);
  if (found !== null) return found;
  return end - start < 48 && mayStart(bytes, start, end) ? "more" : null;
}

function startOfClient(bytes: Uint8Array, start: number, end: number): Verdict | null {
  if (isConnectRequest(bytes, start, end)) {
    return { protocol: "client", role: "client", why: "a connect request" };
  }
  if (isConnectResponse(bytes, start, end)) {
    return { protocol: "client", role: "server", why: "a connect response" };
  }
  return null;
}

function startOfText(bytes: Uint8Array, start: number, end: number): Verdict | null {
  const length = end - start;
  if (length < 4) return null;
  const text = String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 16)));
  const word = text.slice(0, 4);
  const isWord = WORDS.has(word) &&
    (length === 4 || /[\r\n]/.test(text[4]) || (word === "stmk" && length <= 12));
  if (isWord) return { protocol: "words", role: "client", why: `the word ${word}` };
  if (METHODS.test(text)) return { protocol: "http", role: "client", why: "an HTTP request" };
  if (/^HTTP\/1\.[01] /.test(text)) {
    return { protocol: "http", role: "server", why: "an HTTP response" };
  }
  return null;
}

function startOfTls(bytes: Uint8Array, start: number, end: number): Verdict | null {
  if (end - start < 6 || bytes[start] !== 22 || bytes[start + 1] !== 3 || bytes[start + 2] > 4) {
    return null;
  }
  const type = bytes[start + 5];
  const length = u16(bytes, start + 3);
  if (length < 4 || length > 18432) return null;
  if (type === 1) return { protocol: "tls", role: "client", why: "a TLS client hello" };
  if (type === 2) return { protocol: "tls", role: "server", why: "a TLS server hello" };
  return null;
}

function startOfQuorum(
  bytes: Uint8Array,
  start: number,
  end: number,
  hint: Protocol | null,
): Verdict | null {
  if (isAuth(bytes, start, end) && hint !== "election") {
    return { protocol: "quorum", role: "client", why: "SASL between servers" };
  }
  if (end - start < 20) return null;
  const type = i32(bytes, start);
  const isInfo = type === FOLLOWERINFO || type === OBSERVERINFO;
  if (!isInfo || checkPacket(bytes, start, end) === 0) return null;
  return { protocol: "quorum", role: "client", why: "a learner's first packet" };
}

function startOfElection(bytes: Uint8Array, start: number, end: number): Verdict | null {
  const dialler: Verdict = { protocol: "election", role: "client", why: "an election greeting" };
  if (end - start < 8) return null;
  if (i32(bytes, start) === -1) {
    const size = greetingSize(bytes, start, end);
    if (size === 0 || end - start < 21) return null;
    for (let at = start + 20; at < Math.min(end, start + size); at++) {
      if (bytes[at] < 0x21 || bytes[at] > 0x7e) return null;
    }
    return dialler;
  }
  // The old form is a bare id; what follows must be a notification.
  if (end - start < 20 || i32(bytes, start) !== 0 || i32(bytes, start + 4) < 0) return null;
  const length = i32(bytes, start + 8);
  const isForm = GREETING_FORMS.has(length) || (length >= 44 && length < 65536);
  return isForm && checkNotification(bytes, start + 8, end) !== 0 ? dialler : null;
}

/** True while the bytes may yet become the start of something of ours. */
function mayStart(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (length < 4) return true;
  const first = i32(bytes, start);
  if (first === 0 || first === -1) return length < 21; // a sid, or a greeting of a later form
  if ((first === FOLLOWERINFO || first === OBSERVERINFO) && length < 20) return true;
  // A connect request of which only the beginning is here.
  const isFrame = first >= 28 && first <= 1056;
  return isFrame && (length < 8 || i32(bytes, start + 4) === 0) && length < 32;
}

interface Search {
  readonly protocol: Exclude<Protocol, "unknown">;
  readonly role: Role;
  readonly why: string;
  readonly check: (bytes: Uint8Array, at: number, end: number) => number;
  /** So many messages must follow one another to the end of what is there. */
  readonly least: number;
}

const SEARCHES: readonly Search[] = [
  { protocol: "client", role: "client", why: "a request", check: checkRequest, least: 1 },
  { protocol: "quorum", role: "client", why: "quorum packets", check: checkPacket, least: 1 },
  {
    protocol: "election",
    role: "server",
    why: "a notification",
    check: checkNotification,
    least: 1,
  },
  { protocol: "client", role: "server", why: "a reply", check: checkReply, least: 1 },
  { protocol: "tls", role: "server", why: "TLS records", check: checkTls, least: 2 },
];

/** A learner's packets and a leader's have types of their own; PING, ACK and REVALIDATE go both ways. */
const FROM_LEADER = new Set([2, 4, 7, 8, 9, 10, 12, 13, 14, 15, 17, 19]);

/**
 * Looks for messages beyond doubt in bytes from the middle of a connection: they must follow one
 * another from some place to the end. `places` remembers what has been looked at already.
 */
export function recogniseMiddle(bytes: Uint8Array, end: number, places: Places): Verdict | null {
  let found: Search | null = null;
  const start = places.find(end, (place) => {
    let verdict = 0;
    for (const search of SEARCHES) {
      const count = follow(search, bytes, place, end);
      if (count >= search.least) {
        found = search;
        return 1;
      }
      if (count !== REFUSED) verdict = -1;
    }
    return verdict;
  });
  const search = found as Search | null;
  if (start < 0 || search === null) return null;
  if (search.protocol !== "quorum") return search;
  const type = i32(bytes, start);
  const length = i32(bytes, start + 12);
  const isLeader = FROM_LEADER.has(type) || (type === 5 && length === -1) ||
    (type === 6 && length === 9); // REVALIDATE: the answer has a flag for the timeout
  return { ...search, role: isLeader ? "server" : "client" };
}

const REFUSED = -1;

/** How many messages follow from `start` to the end; REFUSED when something else does. */
function follow(search: Search, bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  let at = start;
  while (at < end) {
    const size = search.check(bytes, at, end);
    if (size === 0) return REFUSED;
    if (size < 0) break;
    count += 1;
    at += size;
  }
  return count;
}
