// The network contract on real sockets. The simulator's network runs the same suite.

import { HostNetwork } from "../lib/host/network.ts";
import { networkContract } from "./support/contract_network.ts";
import { until } from "./support/until.ts";

networkContract("host network", () => ({
  network: new HostNetwork(),
  host: "127.0.0.1",
  name: "localhost",
  unknownName: "no-such-host.invalid",
  until,
  close: () => {},
}));
