// The election port of one server: sockets and bytes around zab/election.ts and zab/mesh.ts. Binds
// and re-binds the listener, reads greetings and notifications, dials neighbours by the addresses
// they advertise or the configuration names. Hostile bytes cost the link they came on.
//
// Must agree with QuorumCnxManager.Listener and its workers (quorum.md 1).

import { Fault } from "../base/errors.ts";
import { type Epoch, epochOf, hex, type Sid, type Zxid } from "../base/ids.ts";
import { Output } from "../codec/output.ts";
import type { Address, Clock, Closable, Link, Millis, Network, Trace } from "../ports.ts";
import {
  formFor,
  GREETING_V1,
  GREETING_V2,
  type NotificationForm,
  notificationFrame,
  readInitialMessage,
  readNotification,
  writeInitialMessage,
} from "../wire/election.ts";
import { ByteQueue, FrameSplitter, NOTIFICATION_MAX } from "../wire/frames.ts";
import {
  Election,
  type ElectionEffect,
  type ElectionEvent,
  type ElectionOptions,
  type Electorate,
  type ServerState,
  type Vote,
} from "../zab/election.ts";
import { type LinkId, Mesh, MESH_DEFAULTS, type MeshEvent } from "../zab/mesh.ts";

/** Where this server is to be found. */
export interface ElectionPlace {
  readonly bind: readonly Address[];
  /** What this server says its own election addresses are. */
  readonly advertise: readonly Address[];
}

export interface ElectionPortOptions extends ElectionOptions, ElectionPlace {
  readonly sid: Sid;
  /** Greeting −65535 instead of −65536: only when every member has multi-address on. */
  readonly multiAddress: boolean;
  readonly connectTimeoutMs: Millis;
  readonly helloWithinMs: Millis;
  /** 0: for ever (`electionPortBindRetry`). */
  readonly bindTries: number;
  readonly keepAlive: boolean;
}

export interface ElectionPortEars {
  decided(vote: Vote, state: ServerState): void;
  voterLooks(sid: Sid): void;
  /** Somebody spoke of a newer membership while this server looked. Whether it is adopted. */
  newerConfig(text: string): boolean;
  /** The listener could not be bound (exit code 14). */
  fatal(fault: Fault): void;
}

interface Wire {
  readonly link: Link;
  readonly isDialled: boolean;
  readonly queue: ByteQueue;
  frames: FrameSplitter | null;
  form: NotificationForm | null;
}

/** Answers that a link may leave unread. */
const UNSENT_MAX = 1 << 20;
const BIND_PAUSE_MS = 1000;
const WILDCARDS = new Set(["0.0.0.0", "::", "[::]", "0:0:0:0:0:0:0:0"]);

export class ElectionPort {
  readonly #network: Network;
  readonly #clock: Clock;
  /** Alarm of its own: re-binding must not disturb the machines' alarm. */
  readonly #bindClock: Clock;
  readonly #note: Trace["note"];
  readonly #options: ElectionPortOptions;
  readonly #ears: ElectionPortEars;
  readonly #election: Election;
  readonly #mesh: Mesh;
  readonly #wires = new Map<LinkId, Wire>();
  readonly #dials = new Map<Sid, Closable>();
  #addressesOf: (sid: Sid) => readonly Address[];
  #place: ElectionPlace;
  #listeners: Closable[] = [];
  /** Addresses that are given up; with all of them this server is deaf. */
  #missed = 0;
  /** Addresses that could not be bound yet. */
  #rebind: { readonly at: Address; readonly attempt: number }[] = [];
  #links = 0;
  /** When the clock wakes us; null when it does not. */
  #alarm: Millis | null = null;
  #stopped = false;

  constructor(
    ports: { network: Network; clock: Clock; bindClock: Clock; note: Trace["note"] },
    electorate: Electorate,
    addressesOf: (sid: Sid) => readonly Address[],
    options: ElectionPortOptions,
    ears: ElectionPortEars,
  ) {
    this.#network = ports.network;
    this.#clock = ports.clock;
    this.#bindClock = ports.bindClock;
    this.#note = ports.note;
    this.#addressesOf = addressesOf;
    this.#options = options;
    this.#place = options;
    this.#ears = ears;
    this.#election = new Election(electorate, options);
    this.#mesh = new Mesh({
      sid: options.sid,
      helloWithinMs: options.helloWithinMs,
      ...MESH_DEFAULTS,
      isMember: (sid) => this.#addressesOf(sid).length > 0,
    });
  }

  get election(): Pick<Election, "state" | "round" | "currentVote"> {
    return this.#election;
  }

  /** Binds the listener(s); voting may start before that is done. */
  start(): void {
    for (const at of this.#place.bind) this.#bind(at, 1);
  }

  look(zxid: Zxid, currentEpoch: Epoch): void {
    this.#note("info", "election", "New election. My id", {
      sid: this.#options.sid,
      zxid: hex(zxid),
      currentEpoch,
    });
    this.#elect({ type: "look", zxid, currentEpoch });
  }

  established(epoch: Epoch): void {
    this.#elect({ type: "established", epoch });
  }

  designated(leader: Sid, zxid: Zxid, state: ServerState): void {
    this.#elect({ type: "designated", leader, zxid, state });
  }

  reconfigure(
    electorate: Electorate,
    addressesOf: (sid: Sid) => readonly Address[],
    place: ElectionPlace,
  ): void {
    this.#addressesOf = addressesOf;
    this.#election.reconfigure(electorate);
    this.#move(place);
  }

  /** Listens elsewhere from now on (8.5 step 4a); links stay. Without a place it stays where it is. */
  #move(place: ElectionPlace): void {
    const { bind } = this.#place;
    if (place.bind.length === 0 || this.#stopped) return;
    const stays = areEqual(place.bind, bind);
    this.#place = stays ? { ...place, bind } : place;
    if (stays) return;
    const old = this.#listeners;
    this.#listeners = [];
    this.#rebind = [];
    this.#missed = 0;
    for (const listener of old) listener.close();
    for (const at of place.bind) this.#bind(at, 1);
  }

  stop(): void {
    this.#stopped = true;
    this.#clock.wakeAt(null, () => {});
    this.#bindClock.wakeAt(null, () => {});
    for (const closable of [...this.#listeners, ...this.#dials.values()]) closable.close();
    for (const { link } of this.#wires.values()) link.destroy();
    this.#wires.clear();
  }

  // ---- listening ------------------------------------------------------------------------------

  #bind(at: Address, attempt: number): void {
    let listener: Closable | null = null;
    const { bind } = this.#place;
    const ready = (bound: Address | Fault): void => {
      if (this.#stopped || bind !== this.#place.bind) return;
      if (!(bound instanceof Fault)) {
        const where = `${bound.host}:${bound.port}`;
        this.#note("info", "election", "my election bind port", { at: where });
        return;
      }
      this.#listeners = this.#listeners.filter((l) => l !== listener);
      const { bindTries } = this.#options;
      if (bindTries > 0 && attempt >= bindTries) {
        this.#missed += 1;
        if (this.#missed < bind.length) return this.#miss(at, bound);
        return this.#ears.fatal(
          new Fault("PORT_IN_USE", "Exception while listening on the election port", {
            where: `${at.host}:${at.port}`,
            cause: bound,
            hint: `tried ${attempt} times; free the port or raise electionPortBindRetry`,
          }),
        );
      }
      this.#note("warn", "election", "cannot bind the election port yet", {
        at: `${at.host}:${at.port}`,
        attempt,
        why: bound.message,
      });
      this.#rebind.push({ at, attempt: attempt + 1 });
      this.#bindClock.wakeAt(this.#bindClock.now().mono + BIND_PAUSE_MS, () => {
        const failed = this.#rebind;
        this.#rebind = [];
        for (const { at, attempt } of failed) this.#bind(at, attempt);
      });
    };
    listener = this.#network.listen(at, (link) => this.#accepted(link), ready, {
      keepAlive: this.#options.keepAlive,
    });
    this.#listeners.push(listener);
  }

  /** Several addresses are for an interface that is down: others may do (1.9). */
  #miss({ host, port }: Address, { message: why }: Fault): void {
    const at = `${host}:${port}`;
    this.#note("error", "election", "cannot listen at one of the addresses", { at, why });
  }

  #accepted(link: Link): void {
    if (this.#stopped) return link.destroy();
    const id = this.#attach(link, false);
    this.#step({ type: "accepted", link: id });
  }

  #attach(link: Link, isDialled: boolean): LinkId {
    const id = ++this.#links;
    this.#wires.set(id, { link, isDialled, queue: new ByteQueue(), frames: null, form: null });
    link.attach({
      bytes: (chunk) => this.#bytes(id, chunk),
      drained: () => {},
      closed: (why) => {
        if (!this.#wires.delete(id)) return;
        const { host, port } = link.remote;
        this.#note("debug", "election", "Connection broken for id", {
          from: `${host}:${port}`,
          why: why?.message ?? "closed by the other side",
        });
        this.#step({ type: "closed", link: id });
      },
    });
    return id;
  }

  #bytes(id: LinkId, chunk: Uint8Array): void {
    const wire = this.#wires.get(id);
    if (wire === undefined) return;
    wire.queue.push(chunk);
    try {
      if (wire.frames === null && !this.#greeting(id, wire)) return;
      for (;;) {
        if (this.#wires.get(id) !== wire) return; // closed by what it said
        const payload = wire.frames?.next() ?? null;
        if (payload === null) return;
        this.#notification(id, wire, payload);
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const { host, port } = wire.link.remote;
      this.#note("warn", "election", "a link is closed for what it sent", {
        from: `${host}:${port}`,
        why: error.message,
      });
      this.#wires.delete(id);
      wire.link.destroy();
      this.#step({ type: "closed", link: id });
    }
  }

  /** True when the first message was read, and frames follow. */
  #greeting(id: LinkId, wire: Wire): boolean {
    const { queue } = wire;
    const bytes = queue.take(queue.size);
    const message = readInitialMessage(bytes);
    if (typeof message === "number") {
      queue.push(bytes);
      return false;
    }
    if (message.size < bytes.length) queue.push(bytes.subarray(message.size));
    wire.frames = this.#framesOf(wire);
    const addresses = message.addresses.filter(({ host }) => !WILDCARDS.has(host));
    this.#step({ type: "introduced", link: id, sid: message.sid, addresses });
    return true;
  }

  #framesOf(wire: Wire): FrameSplitter {
    const { host, port } = wire.link.remote;
    return new FrameSplitter(NOTIFICATION_MAX, `election link ${host}:${port}`, wire.queue, 1);
  }

  #notification(id: LinkId, wire: Wire, payload: Uint8Array): void {
    let read: ReturnType<typeof readNotification>;
    try {
      read = readNotification(payload);
    } catch (error) {
      // A message that makes no sense is dropped; the next one may (quorum.md 2.2).
      if (!(error instanceof Fault)) throw error;
      this.#note("warn", "election", "a notification is dropped", { why: error.message });
      return;
    }
    wire.form = read.form;
    this.#step({ type: "heard", link: id, notification: read.notification });
  }

  // ---- dialling -------------------------------------------------------------------------------

  #dial(sid: Sid, advertised: readonly Address[]): void {
    const candidates = [...advertised, ...this.#addressesOf(sid)];
    // All that it says of itself, which may be much, shares the time of one.
    const { connectTimeoutMs } = this.#options;
    const share = Math.ceil(connectTimeoutMs / Math.max(1, advertised.length));
    const next = (index: number): void => {
      const to = candidates[index];
      if (to === undefined) return this.#step({ type: "dialFailed", sid });
      let finished = false;
      const done = (link: Link | Fault): void => {
        finished = true;
        this.#dials.delete(sid);
        if (this.#stopped) return link instanceof Fault ? undefined : link.destroy();
        if (!(link instanceof Fault)) return this.#dialled(sid, link);
        this.#note("debug", "election", `Cannot open channel to ${sid} at election address`, {
          at: `${to.host}:${to.port}`,
          why: link.message,
        });
        next(index + 1);
      };
      const within = index < advertised.length ? share : connectTimeoutMs;
      const dial = this.#network.dial(to, within, done);
      if (!finished) this.#dials.set(sid, dial);
    };
    next(0);
  }

  #dialled(sid: Sid, link: Link): void {
    const id = this.#attach(link, true);
    const wire = this.#wires.get(id);
    if (wire !== undefined) wire.frames = this.#framesOf(wire);
    this.#step({ type: "dialled", link: id, sid });
  }

  // ---- machines -------------------------------------------------------------------------------

  #step(event: MeshEvent): void {
    if (this.#stopped) return;
    for (const effect of this.#mesh.step(event, this.#clock.now())) {
      switch (effect.type) {
        case "dial":
          this.#dial(effect.sid, effect.advertised);
          break;
        case "hangUp":
          this.#dials.get(effect.sid)?.close();
          this.#dials.delete(effect.sid);
          break;
        case "introduce":
          this.#introduce(effect.link);
          break;
        case "write":
          this.#write(effect.link, effect.notification);
          break;
        case "close": {
          const wire = this.#wires.get(effect.link);
          if (wire === undefined) break;
          this.#note("debug", "election", "link closed", { why: effect.why });
          this.#wires.delete(effect.link);
          // A greeting of ours must arrive. Strangers who do not close must not keep a file of ours.
          if (wire.isDialled) wire.link.end();
          else wire.link.destroy();
          break;
        }
        case "received": {
          const { from, notification } = effect;
          // Not at once: a message to oneself would otherwise be handled in the middle of a step.
          this.#clock.soon(() => {
            if (!this.#stopped) this.#elect({ type: "notified", from, notification });
          });
          break;
        }
      }
    }
    this.#schedule();
  }

  #elect(event: ElectionEvent): void {
    const effects = this.#election.step(event, this.#clock.now());
    for (const effect of effects) this.#electionEffect(effect);
    this.#schedule();
  }

  #electionEffect(effect: ElectionEffect): void {
    switch (effect.type) {
      case "vote":
        return this.#step({ type: "say", to: effect.to, notification: effect.notification });
      case "decided":
        this.#step({ type: "settled" });
        return this.#ears.decided(effect.vote, effect.state);
      case "voterLooks":
        return this.#ears.voterLooks(effect.sid);
      case "newerConfig": {
        const { from, notification } = effect;
        if (this.#ears.newerConfig(notification.config ?? "")) return;
        return this.#elect({ type: "notified", from, notification, isConfigRefused: true });
      }
    }
  }

  #introduce(id: LinkId): void {
    const wire = this.#wires.get(id);
    if (wire === undefined) return;
    const { sid, multiAddress } = this.#options;
    const { advertise } = this.#place;
    const out = new Output();
    // Whoever is told a wildcard dials itself; told nothing it asks its own configuration (H-E3).
    const known = advertise.filter(({ host }) => !WILDCARDS.has(host));
    const version = known.length === 0 ? 0n : multiAddress ? GREETING_V2 : GREETING_V1;
    const addresses = multiAddress ? known : known.slice(0, 1);
    writeInitialMessage(out, { sid, version, addresses });
    wire.link.write(out.take());
  }

  #write(id: LinkId, notification: Parameters<typeof notificationFrame>[0]): void {
    const wire = this.#wires.get(id);
    if (wire === undefined) return;
    wire.link.write(notificationFrame(notification, formFor(wire.form)));
    if (wire.link.queued <= UNSENT_MAX) return;
    const { host, port } = wire.link.remote;
    this.#note("warn", "election", "a link is closed: it does not read what it is answered", {
      to: `${host}:${port}`,
    });
    this.#wires.delete(id);
    wire.link.destroy();
    this.#clock.soon(() => this.#step({ type: "closed", link: id }));
  }

  #schedule(): void {
    if (this.#stopped) return;
    const times = [this.#election.deadline, this.#mesh.deadline].filter((t) => t !== null);
    const at = times.length === 0 ? null : Math.min(...times);
    // Not armed anew for every message: a flood of them would put the alarm off for ever.
    if (at === this.#alarm) return;
    this.#alarm = at;
    this.#clock.wakeAt(at, () => {
      this.#alarm = null;
      if (this.#stopped) return;
      this.#step({ type: "time" });
      this.#elect({ type: "time" });
    });
  }
}

const areEqual = (a: readonly Address[], b: readonly Address[]): boolean =>
  a.length === b.length && a.every(({ host, port }, i) => b[i].host === host && b[i].port === port);

/** What an election answer says of a peer, for logs. */
export const voteText = (vote: Vote): string =>
  `leader ${vote.leader}, zxid ${hex(vote.zxid)} (epoch ${
    epochOf(vote.zxid)
  }), round ${vote.round}`;
