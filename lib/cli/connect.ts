// A client from a connect string, over this process's sockets and timers.

import { type ClientOptions, ZkClient } from "../client/client.ts";
import { Fault } from "../base/errors.ts";
import { HostClock } from "../host/clock.ts";
import { HostNetwork } from "../host/network.ts";
import type { Address } from "../ports.ts";

const DEFAULT_PORT = 2181;

/** A client of `servers`: `host:port,host:port`; IPv6 in brackets, the port 2181 unless given. */
export function connect(
  servers: string,
  options: Omit<ClientOptions, "servers"> = {},
): ZkClient {
  const addresses = servers.split(",").map((text) => parseAddress(text.trim()));
  return new ZkClient(new HostNetwork(), new HostClock(), { ...options, servers: addresses });
}

function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[3] ?? DEFAULT_PORT);
  if (match === null || port > 65535) {
    throw new Fault("CONFIG", `'${text}' is no server address`, {
      hint: "write host:port, several with commas between them",
    });
  }
  return { host: match[1] ?? match[2] ?? "", port };
}
