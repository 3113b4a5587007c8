// A small world of elections: Election and Mesh machines of several servers, joined by links with
// seeded delays, cuts and restarts in virtual time. The whole ensemble's simulator is lib/sim; this
// one knows nothing but the election port.

import { Heap } from "../../lib/base/heap.ts";
import type { Sid, Zxid } from "../../lib/base/ids.ts";
import type { Notification } from "../../lib/records/election.ts";
import { Election, ELECTION_DEFAULTS, type Electorate } from "../../lib/zab/election.ts";
import type { ElectionEvent, Vote } from "../../lib/zab/election.ts";
import { Mesh, MESH_DEFAULTS, type MeshEvent } from "../../lib/zab/mesh.ts";

/** A seeded generator (xorshift32): the same seed gives the same world. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 1) >>> 0 || 1;
  }
  below(n: number): number {
    let x = this.#state;
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % n;
  }
}

export interface ServerFacts {
  readonly sid: Sid;
  readonly zxid: Zxid;
  readonly currentEpoch: bigint;
  readonly observer?: boolean;
}

interface Running {
  readonly facts: ServerFacts;
  readonly election: Election;
  readonly mesh: Mesh;
  decided: Vote | null;
  wake: number | null;
}

interface Cable {
  readonly ends: [Sid, Sid];
  readonly ids: [number, number];
  /** Arrival time of the newest message each way: a link keeps order. */
  readonly busyUntil: [number, number];
  open: boolean;
}

export class ElectionWorld {
  now = 0;
  /** Messages delivered, in all. */
  delivered = 0;
  readonly servers = new Map<Sid, Running>();
  readonly #dice: Dice;
  readonly #events = new Heap<{ at: number; run: () => void }>((a, b) => a.at - b.at);
  readonly #cables = new Map<number, Cable>();
  readonly #facts: readonly ServerFacts[];
  #links = 0;

  constructor(facts: readonly ServerFacts[], seed: number) {
    this.#facts = facts;
    this.#dice = new Dice(seed);
  }

  at(time: number, run: () => void): void {
    this.#events.push({ at: time, run });
  }

  start(sid: Sid): void {
    const facts = this.#facts.find((f) => f.sid === sid);
    if (facts === undefined) throw new Error(`no server ${sid}`);
    const running: Running = {
      facts,
      election: new Election(this.#electorate(facts), ELECTION_DEFAULTS),
      mesh: new Mesh({ sid, helloWithinMs: 2000, ...MESH_DEFAULTS, isMember: () => true }),
      decided: null,
      wake: null,
    };
    this.servers.set(sid, running);
    this.#elect(running, { type: "look", zxid: facts.zxid, currentEpoch: facts.currentEpoch });
  }

  stop(sid: Sid): void {
    this.servers.delete(sid);
    for (const cable of this.#cables.values()) if (cable.ends.includes(sid)) this.#cut(cable);
  }

  /** The server lost its leader: it looks again. */
  lookAgain(sid: Sid): void {
    const server = this.servers.get(sid);
    if (server === undefined) return;
    server.decided = null;
    const { zxid, currentEpoch } = server.facts;
    this.#elect(server, { type: "look", zxid, currentEpoch });
  }

  cutSomeLink(): void {
    const open = [...this.#cables.values()].filter((cable) => cable.open);
    if (open.length > 0) this.#cut(open[this.#dice.below(open.length)]);
  }

  run(until: number): void {
    for (;;) {
      const next = this.#events.peek();
      if (next === undefined || next.at > until) break;
      this.#events.pop();
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = until;
  }

  /** Runs until every running server has decided, or `until`. */
  runUntilDecided(until: number): boolean {
    while (this.now < until) {
      if ([...this.servers.values()].every((server) => server.decided !== null)) return true;
      this.run(this.now + 10);
    }
    return false;
  }

  #electorate(facts: ServerFacts): Electorate {
    const voters = new Set(this.#facts.filter((f) => !f.observer).map((f) => f.sid));
    return {
      sid: facts.sid,
      voters,
      isVoter: !facts.observer,
      isObserver: facts.observer === true,
      weightOf: (sid) => voters.has(sid) ? 1n : 0n,
      isQuorum: (sids) => [...sids].filter((sid) => voters.has(sid)).length * 2 > voters.size,
      configText: "version=0",
      configVersion: 0n,
    };
  }

  #instant(): { mono: number; wall: number } {
    return { mono: this.now, wall: this.now };
  }

  #elect(server: Running, event: ElectionEvent): void {
    for (const effect of server.election.step(event, this.#instant())) {
      if (effect.type === "vote") {
        this.#mesh(server, { type: "say", to: effect.to, notification: effect.notification });
      } else if (effect.type === "decided") {
        server.decided = effect.vote;
        this.#mesh(server, { type: "settled" });
      }
    }
    this.#schedule(server);
  }

  #mesh(server: Running, event: MeshEvent): void {
    const { sid } = server.facts;
    for (const effect of server.mesh.step(event, this.#instant())) {
      switch (effect.type) {
        case "dial":
          this.#dial(server, effect.sid);
          break;
        case "introduce":
          this.#send(
            effect.link,
            (link, to) => this.#mesh(to, { type: "introduced", link, sid, addresses: [] }),
          );
          break;
        case "write":
          this.#write(effect.link, effect.notification);
          break;
        case "close": {
          const cable = this.#cables.get(effect.link);
          this.#send(effect.link, (link, to) => this.#mesh(to, { type: "closed", link }));
          if (cable !== undefined) cable.open = false;
          break;
        }
        case "received": {
          const { from, notification } = effect;
          const me = server;
          this.at(this.now, () => {
            if (this.servers.get(sid) === me) {
              this.#elect(me, { type: "notified", from, notification });
            }
          });
          break;
        }
      }
    }
    this.#schedule(server);
  }

  #write(link: number, notification: Notification): void {
    this.#send(link, (id, to) => {
      this.delivered += 1;
      this.#mesh(to, { type: "heard", link: id, notification });
    });
  }

  #dial(server: Running, sid: Sid): void {
    const from = server.facts.sid;
    this.at(this.now + 1 + this.#dice.below(20), () => {
      if (this.servers.get(from) !== server) return;
      const other = this.servers.get(sid);
      if (other === undefined) return this.#mesh(server, { type: "dialFailed", sid });
      const ids: [number, number] = [++this.#links, ++this.#links];
      const cable: Cable = { ends: [from, sid], ids, busyUntil: [0, 0], open: true };
      this.#cables.set(ids[0], cable).set(ids[1], cable);
      this.#mesh(other, { type: "accepted", link: ids[1] });
      this.#mesh(server, { type: "dialled", link: ids[0], sid });
    });
  }

  #send(link: number, deliver: (link: number, to: Running) => void): void {
    const cable = this.#cables.get(link);
    if (cable === undefined || !cable.open) return;
    const side = cable.ids[0] === link ? 0 : 1;
    const other = 1 - side;
    const to = this.servers.get(cable.ends[other]);
    const arrival = Math.max(cable.busyUntil[side], this.now + 1 + this.#dice.below(40));
    cable.busyUntil[side] = arrival;
    this.at(arrival, () => {
      if (to === undefined || this.servers.get(cable.ends[other]) !== to) return;
      deliver(cable.ids[other], to);
    });
  }

  #cut(cable: Cable): void {
    if (!cable.open) return;
    cable.open = false;
    for (const side of [0, 1]) {
      const server = this.servers.get(cable.ends[side]);
      if (server === undefined) continue;
      this.at(this.now, () => {
        if (this.servers.get(cable.ends[side]) === server) {
          this.#mesh(server, { type: "closed", link: cable.ids[side] });
        }
      });
    }
  }

  #schedule(server: Running): void {
    const times = [server.election.deadline, server.mesh.deadline].filter((t) => t !== null);
    if (times.length === 0) return;
    const at = Math.max(Math.min(...times), this.now);
    if (server.wake !== null && server.wake <= at && server.wake > this.now) return;
    server.wake = at;
    this.at(at, () => {
      if (this.servers.get(server.facts.sid) !== server) return;
      if (server.wake === at) server.wake = null;
      this.#mesh(server, { type: "time" });
      this.#elect(server, { type: "time" });
    });
  }
}
