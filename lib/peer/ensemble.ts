// A member of an ensemble: looks for a leader, then leads, follows or observes, then looks again.
//
//   looking --decided--> leading | following | observing --ended--> looking
//
// Elections are election_port.ts, roles are leader_port.ts and learner_port.ts, what outlives them is
// replica.ts. Must agree with QuorumPeer.run (quorum.md 0.5).

import { assert } from "../base/assert.ts";
import { Fault } from "../base/errors.ts";
import { type Epoch, hex, type Sid, type Zxid } from "../base/ids.ts";
import type { Clock, Done, Millis, Network, Trace } from "../ports.ts";
import { Prepare } from "../server/prepare.ts";
import type { Backend } from "../server/request.ts";
import type { Server } from "../server/server.ts";
import type { SessionTracker } from "../server/sessions.ts";
import type { Tally } from "../server/stats.ts";
import type { Epochs, StoreRecovered } from "../store/store.ts";
import type { Tree } from "../tree/tree.ts";
import { ServerState, type Vote } from "../zab/election.ts";
import type { EpochFile } from "../zab/leader_events.ts";
import { configText, type Membership } from "./config.ts";
import { ElectionPort } from "./election_port.ts";
import { LeaderPort } from "./leader_port.ts";
import { LearnerPort } from "./learner_port.ts";
import { Members } from "./members.ts";
import type { Peer, PeerPorts } from "./peer.ts";
import { Replica } from "./replica.ts";
import type { Role, RoleHost } from "./role.ts";
import {
  electionAddresses,
  electionPlace,
  electionPortOptions,
  electorateOf,
  leaderPortOptions,
  learnerPortOptions,
  prepareOptions,
  quorumAddresses,
  treeOptions,
} from "./settings.ts";

/** A role that ends sooner is followed by a pause, longer each time: it would only end again. */
const STABLE_MS: Millis = 2000;
const PAUSE_MIN: Millis = 50;
const PAUSE_MAX: Millis = 1000;

/** Where the next role comes from without an election (quorum.md 8.5 step 4d). */
interface Designation {
  readonly leader: Sid;
  readonly zxid: Zxid;
}

export class Ensemble implements RoleHost {
  readonly replica: Replica;
  readonly network: Network;
  readonly note: Trace["note"];
  readonly #peer: Peer;
  readonly #ports: PeerPorts;
  readonly #clock: Clock;
  readonly #members: Members;
  readonly #election: ElectionPort;
  #epochs: Epochs = { accepted: 0n, current: 0n };
  /** The newest epoch that a voter was known to have promised when a leadership of ours ended. */
  #epochFloor: Epoch = 0n;
  #role: Role | null = null;
  #vote: Vote | null = null;
  #designated: Designation | null = null;
  #roleBegan: Millis = 0;
  #pause: Millis = 0;
  #lookedAt: Millis = 0;
  /** Since when this server has not been part of a quorum; null while it is. */
  #unavailableSince: Millis | null = null;
  /** Puts a restored database in place; until it is there no role begins. */
  #change: ((goOn: () => void) => void) | null = null;
  #isStopped = false;

  constructor(peer: Peer, ports: PeerPorts, recovered: StoreRecovered) {
    const { config, store } = peer;
    this.#peer = peer;
    this.#ports = ports;
    this.network = ports.network;
    this.note = ports.note;
    this.#clock = ports.newClock();
    this.#members = new Members(config, ports.disk, ports.note);
    this.replica = new Replica(
      store,
      recovered,
      treeOptions(config, ports.note),
      config.commitLogCount,
      ports.disk,
    );
    this.#election = new ElectionPort(
      {
        network: ports.network,
        note: ports.note,
        clock: ports.newClock(),
        bindClock: ports.newClock(),
      },
      this.#electorate(),
      (sid) => this.#electionAddresses(sid),
      electionPortOptions(config),
      {
        decided: (vote, state) => this.#decided(vote, state),
        voterLooks: (sid) => {
          if (this.#role instanceof LeaderPort) this.#role.voterLooks(sid);
        },
        newerConfig: (text) => this.#gossiped(text),
        fatal: (fault) => peer.fail(fault, 14),
      },
    );
  }

  /** Faults: CORRUPT, when the epoch files contradict the log. */
  start(): void {
    this.#epochs = this.#peer.store.epochs();
    this.#unavailableSince = this.#clock.now().mono; // the first election counts, as in Java
    this.treeReplaced(this.replica.tree);
    this.#election.start();
    this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    this.#clock.wakeAt(null, () => {});
    this.#election.stop();
    this.#role?.stop("this server is asked to end");
    this.#role = null;
  }

  flushTurn(): void {
    this.#role?.flushTurn();
  }

  /**
   * Another database in place of ours, on this member alone. A leader goes on leading with it, for
   * Java members lose what they restored with their role; a learner's role ends and the next begins
   * with it. `done` hears when it is on disk. To be called while this member serves.
   */
  restore(tree: Tree, done: Done): void {
    const role = this.#role;
    if (role === null || this.#change !== null) {
      return done(new Fault("PROTOCOL", "this server is between two roles", { hint: "try again" }));
    }
    let hasBegun = false;
    this.#change = (goOn) => {
      if (hasBegun) return;
      hasBegun = true;
      this.replica.restore(tree, this.#epochs.current, (fault) => {
        this.#change = null;
        if (fault === null) this.treeReplaced(tree);
        if (fault !== null) this.#peer.fail(fault, 10);
        else if (this.#role === role) goOn();
        else if (!this.#isStopped) this.#lookLater();
        done(fault);
      });
    };
    if (role instanceof LeaderPort) return role.changeTree((goOn) => this.#change?.(goOn));
    role.stop("another database was restored");
  }

  // ---- what operators see -----------------------------------------------------------------------

  get tree(): Tree {
    return this.replica.tree;
  }

  get membership(): Membership {
    return this.#members.committed;
  }

  /** Whom this server follows, itself when it leads, null while it looks. */
  get leader(): Sid | null {
    return this.#role === null ? null : this.#vote?.leader ?? null;
  }

  /** The role at hand, serving or not yet. */
  get roleName(): "looking" | "leading" | "following" | "observing" {
    if (this.#role === null) return "looking";
    if (this.#role instanceof LeaderPort) return "leading";
    return this.#role instanceof LearnerPort && this.#role.role === "observer"
      ? "observing"
      : "following";
  }

  get proposalSizes(): { last: number; min: number; max: number } | null {
    return this.#role instanceof LeaderPort ? this.#role.proposalSizes : null;
  }

  /** As `srst` asks. */
  resetProposalSizes(): void {
    if (this.#role instanceof LeaderPort) this.#role.proposalSizes.reset();
  }

  /** The gauges that only members have (operations.md 4.2). */
  gauges(): [string, number | bigint | string][] {
    const rows: [string, number | bigint | string][] = [
      ["peer_state", this.#peerState()],
      ["quorum_size", this.#votersOf().length],
    ];
    if (this.roleName === "observing") rows.push(["observer_master_id", this.leader ?? -1n]);
    if (!(this.#role instanceof LeaderPort)) return rows;
    const learners = this.#role.learners();
    const synced = learners.filter((learner) => learner.isSynced);
    const followers = synced.filter((learner) => !learner.isObserver);
    rows.push(
      ["learners", learners.length],
      ["synced_followers", followers.filter((learner) => learner.isVoter).length],
      ["synced_non_voting_followers", followers.filter((learner) => !learner.isVoter).length],
      ["synced_observers", synced.length - followers.length],
      ["pending_syncs", this.#role.pendingSyncs],
      ["last_proposal_size", this.#role.proposalSizes.last],
      ["min_proposal_size", this.#role.proposalSizes.min],
      ["max_proposal_size", this.#role.proposalSizes.max],
      ["leader_uptime", Math.floor(this.#clock.now().mono - this.#roleBegan)],
    );
    return rows;
  }

  #peerState(): string {
    const name = this.roleName;
    return this.phase === "" ? name : `${name} - ${this.phase}`;
  }

  /** Of the role at hand; nothing while there is none. */
  get phase(): string {
    return this.#role?.phase ?? "";
  }

  /** The role at hand when that is to lead. */
  get leaderPort(): LeaderPort | null {
    return this.#role instanceof LeaderPort ? this.#role : null;
  }

  #votersOf(): Sid[] {
    const members = [...this.membership.members.values()];
    return members.filter((member) => member.role === "participant").map((member) => member.sid);
  }

  // ---- elections --------------------------------------------------------------------------------

  #look(): void {
    if (this.#isStopped) return;
    assert(this.#role === null, "a server looks when it has no role");
    this.#lookedAt = this.#clock.now().mono;
    this.#peer.operator.meters.tally("looking_count").add(1);
    this.note("info", "peer", "LOOKING");
    this.#election.look(this.replica.tree.lastZxid, this.#epochs.current);
  }

  #decided(vote: Vote, state: ServerState): void {
    if (this.#isStopped || this.#role !== null) return;
    const now = this.#clock.now().mono;
    const took = Math.round(now - this.#lookedAt);
    this.#peer.operator.meters.tally("election_time").add(took);
    this.note("info", "peer", `${stateName(state)} - LEADER ELECTION TOOK - ${took} MS`, {
      leader: vote.leader,
      zxid: hex(vote.zxid),
      round: vote.round,
    });
    this.#vote = vote;
    this.#roleBegan = now;
    if (state === ServerState.leading) return this.#begin(() => this.#lead(), true);
    const addresses = quorumAddresses(this.#members.committed, vote.leader);
    if (addresses.length === 0) {
      this.note("warn", "peer", "the elected leader is in no configuration of ours", {
        leader: vote.leader,
      });
      return this.#lookLater();
    }
    const options = learnerPortOptions(
      this.#peer.config,
      this.#members.committed,
      vote.leader,
      state === ServerState.observing,
    );
    this.#begin(() => new LearnerPort(this, options), options.logs);
  }

  #lead(): LeaderPort {
    const { committed, lastSeen } = this.#members;
    return new LeaderPort(
      this,
      leaderPortOptions(this.#peer.config, committed, lastSeen, this.#epochFloor),
    );
  }

  #begin(newRole: () => Role, logs: boolean): void {
    const begin = (fault: Fault | null): void => {
      if (this.#isStopped) return;
      if (fault !== null) return this.#peer.fail(fault, 10);
      this.#role = newRole();
      this.#role.start();
      this.busy();
    };
    if (logs) this.replica.whenStored(begin);
    else begin(null);
  }

  ended(why: string): void {
    if (this.#role === null) return;
    const now = this.#clock.now().mono;
    const lasted = now - this.#roleBegan;
    this.#unavailableSince ??= now;
    if (this.#role instanceof LeaderPort) this.#epochFloor = this.#role.promised;
    this.note("info", "peer", `${this.roleName} is over`, { why, lastedMs: Math.round(lasted) });
    this.#role = null;
    this.#peer.serve(null);
    if (this.#isStopped) return;
    if (this.#change !== null) return this.#change(() => {});
    this.#pause = lasted >= STABLE_MS ? 0 : Math.min(PAUSE_MAX, this.#pause * 2 || PAUSE_MIN);
    this.#lookLater();
  }

  /** Straight to the next leader when a reconfig named it; else an election, soon. */
  #lookLater(): void {
    const designated = this.#designated;
    this.#designated = null;
    if (designated !== null) {
      const own = this.#members.committed.members.get(this.#peer.config.sid);
      const state = designated.leader === this.#peer.config.sid
        ? ServerState.leading
        : own?.role === "observer"
        ? ServerState.observing
        : ServerState.following;
      return this.#election.designated(designated.leader, designated.zxid, state);
    }
    const { config } = this.#peer;
    const spread = config.isObserver
      ? this.#ports.random.below(Math.max(1, config.observerElectionDelayMs), "observer's delay")
      : 0;
    const wait = this.#pause + spread;
    if (wait === 0) return this.#look();
    this.#clock.wakeAt(this.#clock.now().mono + wait, () => this.#look());
  }

  // ---- for roles (role.ts) ----------------------------------------------------------------------

  newClock(): Clock {
    return this.#ports.newClock();
  }

  tally(name: string): Tally {
    return this.#peer.operator.meters.tally(name);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  get epochs(): Epochs {
    return this.#epochs;
  }

  epochSaved(file: EpochFile, epoch: Epoch): void {
    this.#epochs = { ...this.#epochs, [file]: epoch };
  }

  busy(): void {
    this.#peer.busy();
  }

  newServer(tree: Tree, backend: Backend, tracker: SessionTracker | null): Server {
    return this.#peer.newServer(tree, backend, tracker);
  }

  newTracker(): SessionTracker {
    return this.#peer.newTracker();
  }

  newPrepare(tree: Tree, tracker: SessionTracker): Prepare {
    const { config, operator } = this.#peer;
    const quotaExceeded = (path: string): void => operator.quotaExceeded(path);
    const { store } = this.replica;
    const options = {
      ...prepareOptions(config, null, quotaExceeded, true),
      hasSpace: () => !store.isSpaceLow,
    };
    return new Prepare(tree, tracker, options, this.note);
  }

  serve(server: Server | null, takesClients = true): void {
    this.#peer.serve(server, takesClients);
  }

  established(epoch: Epoch): void {
    if (this.#unavailableSince !== null) {
      const took = this.#clock.now().mono - this.#unavailableSince;
      this.#unavailableSince = null;
      this.tally("unavailable_time").add(took);
      if (this.leaderPort !== null) this.tally("leader_unavailable_time").add(took);
    }
    this.#election.established(epoch);
    const { tree } = this.replica;
    this.note("info", "peer", `Peer state changed: ${this.roleName} - broadcast`, {
      epoch,
      zxid: hex(tree.lastZxid),
      leader: this.#vote?.leader,
    });
  }

  treeReplaced(tree: Tree): void {
    const text = new TextEncoder().encode(configText(this.#members.committed));
    tree.setConfigNode(text, this.#members.committed.version, this.#clock.now().wall);
  }

  configSeen(text: string): void {
    if (!this.#members.seen(text)) return;
    this.#membersChanged();
  }

  configCommitted(text: string, leader: Sid | null, zxid: Zxid): void {
    const before = this.#members.commit(text);
    if (before === null) return;
    this.#membersChanged();
    // A reconfig's own txn writes /zookeeper/config, the same on every member (8.2).
    if (leader === null) this.treeReplaced(this.replica.tree);
    const why = this.#whyLeave(before, leader);
    if (why === null) return;
    this.#designated = leader === null ? null : { leader, zxid };
    this.#role?.stop(why);
  }

  fatal(fault: Fault, exitCode?: number): void {
    this.#peer.fail(fault, exitCode);
  }

  /** Whether a new membership ends the role at hand: another role or another leader (8.5 step 4). */
  #whyLeave(before: Membership, leader: Sid | null): string | null {
    const { sid } = this.#peer.config;
    const now = this.#members.committed;
    // Whoever is in no membership follows, without a vote: a voter stays what it is (8.6 step 8).
    const isObserver = (m: Membership): boolean => m.members.get(sid)?.role === "observer";
    if (isObserver(before) !== isObserver(now)) return ROLE_CHANGE;
    const current = this.#vote?.leader ?? null;
    if (leader !== null) return leader === current ? null : "a reconfig designated another leader";
    if (current === null) return null;
    const old = before.members.get(current);
    const next = now.members.get(current);
    const isVoter = old?.role === "participant" && next?.role === "participant";
    const quorumAddress = (m: typeof old): string =>
      JSON.stringify(m?.addresses.map(({ host, quorumPort }) => [host, quorumPort]) ?? []);
    return isVoter && quorumAddress(old) === quorumAddress(next)
      ? null
      : "a reconfig moved or removed the leader";
  }

  /** Somebody spoke of a newer membership while this server looked (2.3). Whether it holds now. */
  #gossiped(text: string): boolean {
    if (this.#members.commit(text) === null) return false;
    this.#membersChanged();
    this.treeReplaced(this.replica.tree);
    if (this.#role === null) this.#look();
    return true;
  }

  #membersChanged(): void {
    const place = electionPlace(this.#peer.config, this.#members.committed);
    this.#election.reconfigure(this.#electorate(), (sid) => this.#electionAddresses(sid), place);
  }

  #electorate(): ReturnType<typeof electorateOf> {
    return electorateOf(this.#peer.config, this.#members.committed, this.#members.lastSeen);
  }

  /** By the committed membership, else by the one that is proposed (1.4). */
  #electionAddresses(sid: Sid): ReturnType<typeof electionAddresses> {
    const { committed, lastSeen } = this.#members;
    const known = electionAddresses(committed, sid);
    return known.length > 0 || lastSeen === null ? known : electionAddresses(lastSeen, sid);
  }
}

const ROLE_CHANGE = "a reconfig changed this server's role";

const stateName = (state: ServerState): string =>
  state === ServerState.leading
    ? "LEADING"
    : state === ServerState.observing
    ? "OBSERVING"
    : "FOLLOWING";
