// `zkpeer serve`: one server in this process, from its configuration to its exit code. Puts the host
// behind the peer's ports, tells what happens as log lines, ends in good order when asked to.

import type { Fault } from "../base/errors.ts";
import { probePort } from "../host/network.ts";
import {
  type EndingSignal,
  exit,
  exitCodeOf,
  exitCodeOfSignal,
  exitWithin,
  onEndingSignal,
  onUncaught,
} from "../host/process.ts";
import { notOurs } from "../peer/client_port.ts";
import { complaintText, type Config } from "../peer/config.ts";
import { Peer } from "../peer/peer.ts";
import { checkConfig } from "./check_config.ts";
import { hostPorts } from "./host_ports.ts";
import type { CliIo } from "./io.ts";
import { Log } from "./log.ts";
import { readServe, SERVE_HELP } from "./serve_args.ts";
import { VERSION, ZOOKEEPER_VERSION } from "./version.ts";

export const help = SERVE_HELP;

/** Milliseconds for clients to take their last replies and close. */
const LAST_WORDS = 1000;

export async function run(args: string[], io: CliIo): Promise<number> {
  const order = readServe(args, io);
  if (typeof order === "number") return order;
  if (order.isCheck) return checkConfig(order, io);
  const { config } = order;
  const log = new Log(io, {
    levels: order.levels,
    format: order.format,
    myid: config.mode === "quorum" ? String(config.sid) : null,
    now: () => Date.now(),
  });
  for (const warning of order.warnings) log.note("warn", "config", complaintText(warning));
  log.note("info", "serve", `zkpeer ${VERSION}, compatible with ZooKeeper ${ZOOKEEPER_VERSION}`, {
    mode: config.mode,
    dataDir: config.dataDir,
  });
  return await new Promise<number>((done) => {
    let peer: Peer | null = null;
    let isOver = false;
    const end = (signal: EndingSignal): void => {
      log.note("info", "serve", `asked to end by ${signal}`);
      // Java's servers have no exit code of their own for SIGTERM; neither have we.
      const code = exitCodeOfSignal(signal);
      if (peer === null) over(code);
      else peer.stop(() => over(code));
    };
    const quiet = [
      onEndingSignal(end),
      onUncaught((error) => {
        // Nobody knows what state this left behind: nothing more may be promised to anybody.
        const text = error instanceof Error ? error.stack ?? error.message : String(error);
        log.note("error", "serve", `Severe unrecoverable error: ${text}`);
        exit(1);
      }),
    ];
    const over = (code: number): void => {
      isOver = true;
      for (const stop of quiet) stop();
      log.note("info", "serve", `Exiting with code ${code}`);
      exitWithin(LAST_WORDS, code);
      done(code);
    };
    const failed = (fault: unknown, exitCode?: number): void => {
      const text = fault instanceof Error ? fault.message : String(fault);
      log.note("error", "serve", text);
      over(exitCode ?? exitCodeOf(fault));
    };
    const begin = (): void => {
      if (isOver) return;
      try {
        const ports = hostPorts((level, area, text, detail) => log.note(level, area, text, detail));
        peer = new Peer(config, ports, { failed });
        peer.start();
      } catch (error) {
        failed(error);
      }
    };
    // Somebody may have asked while the configuration was read.
    if (io.signal.aborted) end(io.signal.reason);
    else whenAlone(config, begin, failed);
  });
}

/**
 * A start takes for leftovers of a crash what a running server is about to write. So whoever holds
 * our port for clients is noticed before the files are touched, as by Java, which binds it first.
 */
function whenAlone(config: Config, go: () => void, failed: (fault: Fault) => void): void {
  if (config.client === null || config.client.port === 0) return go();
  const at = { host: config.client.host ?? "", port: config.client.port };
  probePort(at, (fault) => fault === null ? go() : failed(notOurs(fault, at)));
}
