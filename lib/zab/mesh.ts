// The election links of one server: who dials whom, which of two links stays, and the one message
// that waits for each server (quorum.md 1.2 to 1.8). Links are numbers here; sockets and bytes are
// peer/election_port.ts.
//
// One link per pair, dialled by the server with the larger sid. The smaller side dials only to say
// "dial me", and not again while a link works (hazard H-E4).
//
// Must agree with Java's QuorumCnxManager. Ours re-dials by itself with a capped back-off, and gives
// up a link on which a question has gone unanswered: Java waits for TCP to notice.

import { unreachable } from "../base/assert.ts";
import type { Sid } from "../base/ids.ts";
import type { Address, Instant, Millis } from "../ports.ts";
import type { Notification } from "../records/election.ts";

export type LinkId = number;

export interface MeshOptions {
  readonly sid: Sid;
  /** A link that has not introduced itself by then is closed. */
  readonly helloWithinMs: Millis;
  readonly redialMinMs: Millis;
  readonly redialMaxMs: Millis;
  /** How long the larger side may take to dial back before it is nudged again (hazard H-E4). */
  readonly nudgeMs: Millis;
  /** A looking server that hears nothing for so long after speaking gives the link up. */
  readonly silenceMs: Millis;
  /** Links that have not introduced themselves; the oldest goes when there are more. */
  readonly strangersMax: number;
  /** Sids that no configuration names; the oldest is forgotten, with its link, when there are more. */
  readonly outsidersMax: number;
  isMember(sid: Sid): boolean;
}

export const MESH_DEFAULTS = {
  redialMinMs: 50,
  redialMaxMs: 2000,
  nudgeMs: 1000,
  silenceMs: 5000,
  strangersMax: 64,
  outsidersMax: 64,
} as const;

export type MeshEvent =
  | { readonly type: "accepted"; readonly link: LinkId }
  /** The first message of an accepted link; `addresses` is empty in the old form. */
  | {
    readonly type: "introduced";
    readonly link: LinkId;
    readonly sid: Sid;
    readonly addresses: readonly Address[];
  }
  | { readonly type: "dialled"; readonly link: LinkId; readonly sid: Sid }
  | { readonly type: "dialFailed"; readonly sid: Sid }
  | { readonly type: "heard"; readonly link: LinkId; readonly notification: Notification }
  | { readonly type: "closed"; readonly link: LinkId }
  | { readonly type: "say"; readonly to: Sid; readonly notification: Notification }
  /** Nothing waits to be said any more: a leader was found. */
  | { readonly type: "settled" }
  | { readonly type: "time" };

export type MeshEffect =
  /** `advertised` is what the other side said of itself; empty: take the configuration's. */
  | { readonly type: "dial"; readonly sid: Sid; readonly advertised: readonly Address[] }
  /** The dial to that sid is given up; nothing more is to be heard of it. */
  | { readonly type: "hangUp"; readonly sid: Sid }
  | { readonly type: "introduce"; readonly link: LinkId }
  | { readonly type: "write"; readonly link: LinkId; readonly notification: Notification }
  /** Close after what was written has left. */
  | { readonly type: "close"; readonly link: LinkId; readonly why: string }
  | { readonly type: "received"; readonly from: Sid; readonly notification: Notification };

interface Neighbour {
  link: LinkId | null;
  /** Something was heard on that link: whoever took it is no stranger in the other's place. */
  isProven: boolean;
  dialling: boolean;
  /** Waits for a link. A newer message replaces it. */
  waiting: Notification | null;
  /** Said again first on a new link (1.7): the other side may have lost it with the old one. */
  last: Notification | null;
  redialAt: Millis | null;
  redialWait: Millis;
  /** When something was last said that has not been answered. */
  askedAt: Millis | null;
  advertised: readonly Address[];
  /** What of that the newest dial was told. */
  tried: readonly Address[];
}

export class Mesh {
  readonly #options: MeshOptions;
  readonly #neighbours = new Map<Sid, Neighbour>();
  readonly #sidOf = new Map<LinkId, Sid>();
  /** Accepted links without a first message, and when that is due. */
  readonly #strangers = new Map<LinkId, Millis>();

  constructor(options: MeshOptions) {
    this.#options = options;
  }

  get deadline(): Millis | null {
    let earliest: Millis | null = null;
    const take = (at: Millis | null): void => {
      if (at !== null && (earliest === null || at < earliest)) earliest = at;
    };
    for (const due of this.#strangers.values()) take(due);
    for (const n of this.#neighbours.values()) {
      if (n.link === null && !n.dialling && n.waiting !== null) take(n.redialAt);
      if (n.link !== null && n.askedAt !== null) take(n.askedAt + this.#options.silenceMs);
    }
    return earliest;
  }

  /** Servers with a working link. */
  connected(): Sid[] {
    return [...this.#neighbours].filter(([, n]) => n.link !== null).map(([sid]) => sid);
  }

  step(event: MeshEvent, now: Instant): readonly MeshEffect[] {
    switch (event.type) {
      case "accepted":
        return this.#accepted(event.link, now);
      case "introduced":
        return this.#introduced(event.link, event.sid, event.addresses, now);
      case "dialled":
        return this.#dialled(event.link, event.sid, now);
      case "dialFailed":
        return this.#dialFailed(event.sid, now);
      case "heard":
        return this.#heard(event.link, event.notification);
      case "closed":
        return this.#closed(event.link, now);
      case "say":
        return this.#say(event.to, event.notification, now);
      case "settled":
        for (const n of this.#neighbours.values()) n.askedAt = null;
        return [];
      case "time":
        return this.#time(now);
      default:
        return unreachable(event);
    }
  }

  #neighbour(sid: Sid): Neighbour {
    let neighbour = this.#neighbours.get(sid);
    if (neighbour === undefined) {
      neighbour = {
        link: null,
        isProven: false,
        dialling: false,
        waiting: null,
        last: null,
        redialAt: null,
        redialWait: this.#options.redialMinMs,
        askedAt: null,
        advertised: [],
        tried: [],
      };
      this.#neighbours.set(sid, neighbour);
    }
    return neighbour;
  }

  #accepted(link: LinkId, now: Instant): readonly MeshEffect[] {
    const effects: MeshEffect[] = [];
    if (this.#strangers.size >= this.#options.strangersMax) {
      const oldest = this.#strangers.keys().next().value;
      if (oldest !== undefined) {
        this.#strangers.delete(oldest);
        effects.push({
          type: "close",
          link: oldest,
          why: "too many links without a first message",
        });
      }
    }
    this.#strangers.set(link, now.mono + this.#options.helloWithinMs);
    return effects;
  }

  #introduced(
    link: LinkId,
    sid: Sid,
    addresses: readonly Address[],
    now: Instant,
  ): readonly MeshEffect[] {
    this.#strangers.delete(link);
    if (sid === this.#options.sid) {
      return [{ type: "close", link, why: `sid ${sid} is this server's own` }];
    }
    const effects = this.#neighbours.has(sid) ? [] : this.#makeRoom(sid);
    const neighbour = this.#neighbour(sid);
    if (isNews(addresses, neighbour.advertised)) neighbour.advertised = addresses;
    effects.push(...this.#dropLink(sid, neighbour, "replaced by a newer link"));
    if (sid > this.#options.sid) return [...effects, ...this.#adopt(link, sid, neighbour, now)];
    effects.push({ type: "close", link, why: `this server dials sid ${sid}, not the reverse` });
    if (!neighbour.dialling) effects.push(this.#dial(sid, neighbour));
    return effects;
  }

  /** Anybody may claim any sid: those of strangers are not kept for ever. */
  #makeRoom(newcomer: Sid): MeshEffect[] {
    const { isMember, outsidersMax } = this.#options;
    if (isMember(newcomer)) return [];
    const outsiders = [...this.#neighbours].filter(([sid]) => !isMember(sid));
    const effects: MeshEffect[] = [];
    while (outsiders.length >= outsidersMax) {
      const oldest = outsiders.shift();
      if (oldest === undefined) break;
      const [sid, neighbour] = oldest;
      effects.push(
        ...this.#dropLink(sid, neighbour, "too many servers that no configuration names"),
      );
      if (neighbour.dialling) effects.push({ type: "hangUp", sid });
      this.#neighbours.delete(sid);
    }
    return effects;
  }

  #dialled(link: LinkId, sid: Sid, now: Instant): readonly MeshEffect[] {
    const neighbour = this.#neighbour(sid);
    neighbour.dialling = false;
    const introduce: MeshEffect = { type: "introduce", link };
    if (sid > this.#options.sid) {
      const close: MeshEffect = { type: "close", link, why: `sid ${sid} dials this server` };
      if (neighbour.link !== null) return [close]; // it has dialled meanwhile: do not disturb
      // Only a nudge: the larger side dials back. Nudge again when it does not.
      this.#backOff(neighbour, now, this.#options.nudgeMs);
      return [introduce, close];
    }
    const dropped = this.#dropLink(sid, neighbour, "replaced by a newer link");
    return [introduce, ...dropped, ...this.#adopt(link, sid, neighbour, now)];
  }

  #adopt(link: LinkId, sid: Sid, neighbour: Neighbour, now: Instant): readonly MeshEffect[] {
    neighbour.link = link;
    neighbour.isProven = false;
    neighbour.redialAt = null;
    neighbour.askedAt = null;
    this.#sidOf.set(link, sid);
    const message = neighbour.waiting ?? neighbour.last;
    neighbour.waiting = null;
    return message === null ? [] : [this.#write(link, neighbour, message, now)];
  }

  #dialFailed(sid: Sid, now: Instant): readonly MeshEffect[] {
    const neighbour = this.#neighbour(sid);
    neighbour.dialling = false;
    // It has called meanwhile, from elsewhere: it is there, and may not call again for a minute.
    const isElsewhere = neighbour.advertised !== neighbour.tried;
    if (isElsewhere && neighbour.link === null) return [this.#dial(sid, neighbour)];
    this.#failed(neighbour, now);
    return [];
  }

  /** What it said of itself once may be out of date, or wrong: the configuration is asked next. */
  #failed(neighbour: Neighbour, now: Instant): void {
    neighbour.advertised = [];
    neighbour.tried = neighbour.advertised;
    this.#backOff(neighbour, now);
  }

  #backOff(neighbour: Neighbour, now: Instant, atLeast: Millis = 0): void {
    neighbour.redialAt = now.mono + Math.max(neighbour.redialWait, atLeast);
    neighbour.redialWait = Math.min(neighbour.redialWait * 2, this.#options.redialMaxMs);
  }

  #heard(link: LinkId, notification: Notification): readonly MeshEffect[] {
    const from = this.#sidOf.get(link);
    if (from === undefined) return [];
    const neighbour = this.#neighbour(from);
    neighbour.isProven = true;
    neighbour.redialWait = this.#options.redialMinMs;
    neighbour.askedAt = null;
    return [{ type: "received", from, notification }];
  }

  #closed(link: LinkId, now: Instant): readonly MeshEffect[] {
    this.#strangers.delete(link);
    const sid = this.#sidOf.get(link);
    if (sid === undefined) return [];
    this.#sidOf.delete(link);
    const neighbour = this.#neighbour(sid);
    if (neighbour.link !== link) return [];
    neighbour.link = null;
    if (neighbour.isProven) neighbour.redialAt = now.mono;
    else this.#failed(neighbour, now); // a proxy takes links for a server that is down
    // A vote that was not answered may have been lost with the link.
    if (neighbour.askedAt !== null) neighbour.waiting ??= neighbour.last;
    neighbour.askedAt = null;
    return [];
  }

  #say(to: Sid, notification: Notification, now: Instant): readonly MeshEffect[] {
    if (to === this.#options.sid) return [{ type: "received", from: to, notification }];
    const neighbour = this.#neighbour(to);
    if (neighbour.link !== null) return [this.#write(neighbour.link, neighbour, notification, now)];
    neighbour.waiting = notification;
    if (neighbour.dialling) return [];
    if (neighbour.redialAt !== null && neighbour.redialAt > now.mono) return [];
    return [this.#dial(to, neighbour)];
  }

  #time(now: Instant): readonly MeshEffect[] {
    const effects: MeshEffect[] = [];
    for (const [link, due] of this.#strangers) {
      if (due > now.mono) continue;
      this.#strangers.delete(link);
      effects.push({ type: "close", link, why: "no first message in time" });
    }
    for (const [sid, n] of this.#neighbours) {
      if (
        n.link !== null && n.askedAt !== null && n.askedAt + this.#options.silenceMs <= now.mono
      ) {
        n.waiting = n.last;
        effects.push(...this.#dropLink(sid, n, `sid ${sid} does not answer`));
      }
      if (n.link !== null || n.dialling || n.waiting === null) continue;
      if (n.redialAt === null || n.redialAt <= now.mono) effects.push(this.#dial(sid, n));
    }
    return effects;
  }

  #dial(sid: Sid, neighbour: Neighbour): MeshEffect {
    neighbour.dialling = true;
    neighbour.tried = neighbour.advertised;
    neighbour.redialAt = null;
    return { type: "dial", sid, advertised: neighbour.advertised };
  }

  #write(link: LinkId, neighbour: Neighbour, message: Notification, now: Instant): MeshEffect {
    neighbour.last = message;
    // Only a looking server asks; everybody must answer it (2.4).
    if (message.state === 0) neighbour.askedAt ??= now.mono;
    return { type: "write", link, notification: message };
  }

  #dropLink(sid: Sid, neighbour: Neighbour, why: string): MeshEffect[] {
    const { link } = neighbour;
    if (link === null) return [];
    this.#sidOf.delete(link);
    neighbour.link = null;
    neighbour.askedAt = null;
    return [{ type: "close", link, why: `sid ${sid}: ${why}` }];
  }
}

const isNews = (said: readonly Address[], known: readonly Address[]): boolean =>
  said.length > 0 && (said.length !== known.length ||
    said.some(({ host, port }, i) => host !== known[i].host || port !== known[i].port));
