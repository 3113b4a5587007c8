// Everything of this machine that a server asks for, behind the ports it knows.

import { HostClock } from "../host/clock.ts";
import { HostDisk } from "../host/disk.ts";
import { environment, fileTime, processGauges } from "../host/facts.ts";
import { HostHttp } from "../host/http.ts";
import { HostNetwork } from "../host/network.ts";
import { HostRandom } from "../host/random.ts";
import type { PeerPorts } from "../peer/peer.ts";
import type { Trace } from "../ports.ts";

/** New ones for each server. */
export const hostPorts = (note: Trace["note"]): PeerPorts => ({
  newClock: () => new HostClock(),
  network: new HostNetwork(),
  disk: new HostDisk(),
  http: new HostHttp(),
  random: new HostRandom(),
  facts: { environment, gauges: processGauges, fileTime },
  note,
});
