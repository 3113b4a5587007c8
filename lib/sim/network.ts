// Links in virtual time, on bytes: what one side writes arrives in pieces of other sizes, later, in
// order. Hosts can be cut from each other in one or both directions: bytes wait for the cut to heal,
// as TCP's do, and links may break meanwhile, each end at its own time. Runs the same contract as
// the host's sockets (tests/support/contract_network.ts).

import { assert } from "../base/assert.ts";
import { Fault } from "../base/errors.ts";
import type { Address, Closable, Link, LinkEar, ListenOptions, Millis, Network } from "../ports.ts";
import type { Due } from "./agenda.ts";
import type { Life, SimRandom, World } from "./world.ts";

export interface WeatherOptions {
  readonly latencyMin: Millis;
  readonly latencyMax: Millis;
  /** Once in so many chunks, one takes `latencySlow` instead. 0: never. */
  readonly slowOneIn: number;
  readonly latencySlow: Millis;
  /** Once in so many chunks, one is handed over in pieces. 0: never. */
  readonly splitOneIn: number;
}

export const CALM_WEATHER: WeatherOptions = {
  latencyMin: 0.05,
  latencyMax: 1,
  slowOneIn: 0,
  latencySlow: 0,
  splitOneIn: 8,
};

const QUEUE_BYTES = 1 << 20;
const FIRST_PORT = 20_000;

interface Listener {
  readonly life: Life;
  readonly at: Address;
  readonly accepted: (link: Link) => void;
}

/** All hosts and what lies between them. */
export class SimInternet {
  readonly world: World;
  weather: WeatherOptions;
  /** Hears what is written, before it is under way. */
  tap: ((link: SimLink, bytes: Uint8Array) => void) | null = null;
  readonly #random: SimRandom;
  readonly #listeners = new Map<string, Listener>();
  readonly #names = new Map<string, string>();
  /** Directions that are cut, `from>to`. */
  readonly #cuts = new Set<string>();
  readonly #ends = new Set<SimLink>();
  #nextPort = FIRST_PORT;

  constructor(world: World, weather: WeatherOptions = CALM_WEATHER) {
    this.world = world;
    this.weather = weather;
    this.#random = world.random("network");
  }

  name(name: string, host: string): void {
    this.#names.set(name, host);
  }

  resolve(name: string): string | null {
    if (this.#names.has(name)) return this.#names.get(name) ?? null;
    return /^[0-9.]+$|:/.test(name) ? name : null;
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && from !== to && this.#cuts.has(`${from}>${to}`);
  }

  /** The same for a direction that is written down already. */
  isCutWay(way: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(way);
  }

  /** Nothing gets from one host to the other any more; the reverse is another call. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(from: string, to: string): void {
    if (!this.#cuts.delete(`${from}>${to}`)) return;
    for (const end of [...this.#ends]) end.healed(from, to);
  }

  healAll(): void {
    for (const cut of [...this.#cuts]) {
      const [from = "", to = ""] = cut.split(">");
      this.heal(from, to);
    }
  }

  /** Breaks some link: each end hears of it at its own time. */
  breakOne(): boolean {
    const ends = [...this.#ends];
    if (ends.length === 0) return false;
    const end = this.#random.pick(ends);
    end.reset("the link broke");
    end.other.reset("the link broke");
    return true;
  }

  /** Breaks all links between two hosts. */
  breakBetween(host: string, other: string): void {
    for (const end of [...this.#ends]) {
      if (end.local.host === host && end.remote.host === other) {
        end.reset("the link broke");
        end.other.reset("the link broke");
      }
    }
  }

  /** A process died: its listeners and links are gone, the other ends hear of it. */
  died(life: Life): void {
    for (const [key, listener] of this.#listeners) {
      if (listener.life === life) this.#listeners.delete(key);
    }
    for (const end of [...this.#ends]) {
      if (end.life !== life) continue;
      end.vanish();
      end.other.reset("the process at the other side ended");
    }
  }

  latency(): Millis {
    const { latencyMin, latencyMax, slowOneIn, latencySlow } = this.weather;
    const random = this.#random;
    if (random.oneIn(slowOneIn)) return latencySlow * (0.5 + random.below(1000) / 1000);
    return latencyMin + (latencyMax - latencyMin) * random.below(1000) / 1000;
  }

  /** How much of `length` bytes is handed over first. */
  piece(length: number): number {
    if (length < 2 || !this.#random.oneIn(this.weather.splitOneIn)) return length;
    return 1 + this.#random.below(length - 1);
  }

  listen(
    life: Life,
    at: Address,
    accepted: (link: Link) => void,
    ready: (bound: Address | Fault) => void,
  ): Closable {
    const bound = { host: at.host, port: at.port === 0 ? this.#nextPort++ : at.port };
    const key = `${bound.host}:${bound.port}`;
    let isClosed = false;
    life.after(0, () => {
      if (isClosed) return;
      const holder = this.#listeners.get(key);
      if (holder !== undefined && holder.life.isAlive) {
        return ready(new Fault("PORT_IN_USE", "Address already in use", { where: key }));
      }
      this.#listeners.set(key, { life, at: bound, accepted });
      ready(bound);
    });
    return {
      close: () => {
        isClosed = true;
        if (this.#listeners.get(key)?.life === life) this.#listeners.delete(key);
      },
    };
  }

  dial(
    life: Life,
    fromHost: string,
    to: Address,
    within: Millis,
    done: (link: Link | Fault) => void,
  ): Closable {
    const where = `${to.host}:${to.port}`;
    let isOver = false;
    let timeout: Due | null = null;
    const over = (result: Link | Fault): void => {
      if (isOver) return;
      isOver = true;
      timeout?.cancel();
      done(result);
    };
    const host = this.resolve(to.host);
    if (host === null) {
      const fault = new Fault("RESOLVE", `${to.host} does not resolve`, { where });
      life.after(this.latency(), () => over(fault));
      return { close: () => void (isOver = true) };
    }
    timeout = life.after(
      within,
      () => over(new Fault("TIMEOUT", `no answer in ${within} ms`, { where })),
    );
    const attempt = (): void => {
      if (isOver || !life.isAlive) return;
      if (this.isCut(fromHost, host) || this.isCut(host, fromHost)) {
        this.world.after(50, attempt);
        return;
      }
      const listener = this.#listeners.get(`${host}:${to.port}`) ??
        this.#listeners.get(`0.0.0.0:${to.port}`);
      if (listener === undefined || !listener.life.isAlive) {
        return life.run(() => over(refusal(where)));
      }
      // The system accepts even while the process is paused.
      const near = { host: fromHost, port: this.#nextPort++ };
      const [a, b] = SimLink.pair(this, life, listener.life, near, { host, port: to.port });
      this.#ends.add(a).add(b);
      listener.life.run(() => listener.accepted(b));
      life.after(this.latency(), () => {
        if (isOver) a.destroy();
        else over(a);
      });
    };
    this.world.after(this.latency(), attempt);
    return { close: () => void (isOver = true) };
  }

  forget(end: SimLink): void {
    this.#ends.delete(end);
  }
}

/** Refusals are many while an ensemble is down, and a stack costs more than a dial. */
const refusals = new Map<string, Fault>();

function refusal(where: string): Fault {
  let fault = refusals.get(where);
  if (fault === undefined) {
    fault = new Fault("LINK", "connection refused", { where });
    refusals.set(where, fault);
  }
  return fault;
}

/** One host's view of it. */
export class SimNetwork implements Network {
  readonly #internet: SimInternet;
  readonly #life: Life;
  readonly #host: string;

  constructor(internet: SimInternet, life: Life, host: string) {
    this.#internet = internet;
    this.#life = life;
    this.#host = host;
  }

  listen(
    at: Address,
    accepted: (link: Link) => void,
    ready: (bound: Address | Fault) => void,
    _options?: ListenOptions,
  ): Closable {
    const host = this.#internet.resolve(at.host) ?? this.#host;
    const own = host === "0.0.0.0" || host === "" ? this.#host : host;
    return this.#internet.listen(this.#life, { host: own, port: at.port }, accepted, ready);
  }

  dial(to: Address, within: Millis, done: (link: Link | Fault) => void): Closable {
    return this.#internet.dial(this.#life, this.#host, to, within, done);
  }
}

interface Parcel {
  /** Counts what one end sends. */
  readonly turn: number;
  /** Null: this side sends no more. */
  readonly bytes: Uint8Array | null;
}

/** One end of a link. What it writes travels to `other`. */
export class SimLink implements Link {
  readonly remote: Address;
  readonly local: Address;
  readonly life: Life;
  other: SimLink = this;
  /** The direction that this end writes in, as cuts are written down. */
  readonly #way: string;
  readonly #internet: SimInternet;
  #ear: LinkEar | null = null;
  /** On the way to this end, in order. */
  readonly #arrived: Parcel[] = [];
  /** Waits for a cut to heal, on the way from this end. */
  readonly #stuck: Parcel[] = [];
  #lastArrival: Millis = 0;
  #inFlight = 0;
  #turns = 0;
  #isHeld = false;
  #wantsDrained = false;
  #hasEnded = false;
  #otherEnded = false;
  #isClosed = false;
  #pendingReset: string | null = null;

  static pair(
    internet: SimInternet,
    near: Life,
    far: Life,
    nearAt: Address,
    farAt: Address,
  ): [SimLink, SimLink] {
    const a = new SimLink(internet, near, nearAt, farAt);
    const b = new SimLink(internet, far, farAt, nearAt);
    a.other = b;
    b.other = a;
    return [a, b];
  }

  private constructor(internet: SimInternet, life: Life, local: Address, remote: Address) {
    this.#internet = internet;
    this.life = life;
    this.local = local;
    this.remote = remote;
    this.#way = local.host === remote.host ? "" : `${local.host}>${remote.host}`;
  }

  get queued(): number {
    return this.#inFlight;
  }

  attach(ear: LinkEar): void {
    this.#ear = ear;
    this.life.after(0, this.#handOver);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.#hasEnded || bytes.length === 0) return true;
    this.#inFlight += bytes.length;
    this.#internet.tap?.(this, bytes);
    // Nobody changes bytes that were written: they need no copy on their way.
    const first = this.#internet.piece(bytes.length);
    if (first === bytes.length) this.#send({ turn: this.#turns++, bytes });
    else this.#sendInPieces(bytes, first);
    if (this.#inFlight <= QUEUE_BYTES) return true;
    this.#wantsDrained = true;
    return false;
  }

  #sendInPieces(bytes: Uint8Array, first: number): void {
    const ends = [first];
    for (let end = first; end < bytes.length;) {
      end += this.#internet.piece(bytes.length - end);
      ends.push(end);
    }
    let from = 0;
    for (const end of ends) {
      this.#send({ turn: this.#turns++, bytes: bytes.subarray(from, end) });
      from = end;
    }
  }

  hold(on: boolean): void {
    this.#isHeld = on;
    if (!on) this.life.after(0, this.#handOver);
  }

  end(): void {
    if (this.#isClosed || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#send({ turn: this.#turns++, bytes: null });
    this.#closeWhenBothEnded();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.vanish();
    this.other.reset("reset by the other side");
  }

  /** Gone without a word to its own ear. */
  vanish(): void {
    this.#isClosed = true;
    this.#arrived.length = 0;
    this.#internet.forget(this);
  }

  /** This end will hear that the link broke, when no cut keeps the news away. */
  reset(why: string): void {
    if (this.#isClosed) return;
    if (this.#internet.isCut(this.remote.host, this.local.host)) {
      this.#pendingReset = why;
      return;
    }
    this.life.after(this.#internet.latency(), () => this.#broken(why));
  }

  healed(from: string, to: string): void {
    if (this.local.host === from && this.remote.host === to) {
      for (const parcel of this.#stuck.splice(0)) this.#send(parcel);
    }
    if (this.remote.host === from && this.local.host === to && this.#pendingReset !== null) {
      const why = this.#pendingReset;
      this.#pendingReset = null;
      this.reset(why);
    }
  }

  #broken(why: string): void {
    if (this.#isClosed) return;
    this.vanish();
    const { host, port } = this.remote;
    this.#ear?.closed(new Fault("LINK", why, { where: `${host}:${port}` }));
  }

  #send(parcel: Parcel): void {
    const { world } = this.#internet;
    if (this.#stuck.length > 0 || this.#internet.isCutWay(this.#way)) {
      this.#stuck.push(parcel);
      return;
    }
    const due = Math.max(this.#lastArrival, world.now + this.#internet.latency());
    this.#lastArrival = due;
    world.at(due, () => {
      if (this.#internet.isCutWay(this.#way)) {
        // Cut while it was on its way: it waits before whatever was sent later.
        this.#stuck.push(parcel);
        this.#stuck.sort((a, b) => a.turn - b.turn);
        return;
      }
      this.other.#arrive(parcel);
    });
  }

  #arrive(parcel: Parcel): void {
    if (this.#isClosed) {
      if (parcel.bytes !== null) this.other.#taken(parcel.bytes.length);
      return;
    }
    this.#arrived.push(parcel);
    this.life.run(this.#handOver);
  }

  readonly #handOver = (): void => {
    while (this.#ear !== null && !this.#isHeld && !this.#isClosed) {
      const parcel = this.#arrived.shift();
      if (parcel === undefined) return;
      const { bytes } = parcel;
      if (bytes === null) {
        this.#otherEnded = true;
        if (this.#ear.ended === undefined) this.end();
        else this.#ear.ended();
        this.#closeWhenBothEnded();
        continue;
      }
      this.#internet.world.mix(bytes.length, this.local.port ^ (this.remote.port << 16));
      this.other.#taken(bytes.length);
      this.#ear.bytes(bytes);
    }
  };

  #taken(length: number): void {
    this.#inFlight -= length;
    assert(this.#inFlight >= 0, "no byte arrives twice");
    if (this.#inFlight > 0 || !this.#wantsDrained) return;
    this.#wantsDrained = false;
    this.life.after(0, () => this.#isClosed || this.#ear?.drained());
  }

  #closeWhenBothEnded(): void {
    if (!this.#hasEnded || !this.#otherEnded || this.#isClosed) return;
    this.life.after(0, () => {
      if (this.#isClosed) return;
      this.vanish();
      this.#ear?.closed(null);
    });
  }
}
