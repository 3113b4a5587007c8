// Listening at all addresses of a member: one that can be had is enough, for an interface that is
// down is what several addresses are for (quorum.md 1.9, 5.2). Tries once; whoever wants more binds
// by itself, as the election port does.
//
// Must agree with the constructor of Java's Leader.

import { Fault } from "../base/errors.ts";
import type { Address, Closable, Link, ListenOptions, Network } from "../ports.ts";

export interface ListenEars {
  accepted(link: Link): void;
  /** This address is done without: another can be had, or may still be. */
  missed(at: Address, fault: Fault): void;
  /** The last word, once all have been tried: the fault of the last one when there is none. */
  settled(fault: Fault | null): void;
}

export function listenAtAny(
  network: Network,
  addresses: readonly Address[],
  options: ListenOptions,
  ears: ListenEars,
): Closable[] {
  let waiting = addresses.length;
  let hasOne = false;
  return addresses.map((at) => {
    const ready = (bound: Address | Fault): void => {
      waiting -= 1;
      hasOne ||= !(bound instanceof Fault);
      const isLast = waiting === 0;
      if (bound instanceof Fault && (hasOne || !isLast)) ears.missed(at, bound);
      if (isLast) ears.settled(bound instanceof Fault && !hasOne ? bound : null);
    };
    return network.listen(at, (link) => ears.accepted(link), ready, options);
  });
}
