// The roles of a member of an ensemble. In this build there are none yet: it refuses to start.

import { Fault } from "../base/errors.ts";
import type { StoreRecovered } from "../store/store.ts";
import type { Tree } from "../tree/tree.ts";
import { type Membership, NO_MEMBERS } from "./dynamic_config.ts";
import type { Peer, PeerPorts } from "./peer.ts";
export class Ensemble {
  tree: Tree;
  membership: Membership = NO_MEMBERS;
  proposalSizes: { last: number; min: number; max: number } | null = null;
  constructor(_peer: Peer, _ports: PeerPorts, recovered: StoreRecovered) {
    this.tree = recovered.tree;
  }
  gauges(): [string, number | string][] {
    return [];
  }
  start(): void {
    throw new Fault("UNSUPPORTED", "this build serves standalone only", {
      hint: "remove server.N",
    });
  }
  stop(): void {}
  flushTurn(): void {}
}
