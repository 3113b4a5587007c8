// Records every TCP segment to and from the loopback addresses of a story, with tcpdump, and packs
// what a strict reassembly needs into a fixture. Needs root and tcpdump; only re-recording uses it.

import { spawn, spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

/** Counts as tcpdump gave them at its end. */
export interface RecorderCounts {
  readonly captured: number;
  readonly dropped: number;
}

export interface Recorder {
  /** Waits until nothing more arrives, ends tcpdump and gives its counts. */
  stop(): Promise<RecorderCounts>;
}

/** Null when this machine can record, else the reason. */
export function recorderUnavailable(): string | null {
  const probe = spawnSync("tcpdump", ["--version"], { stdio: "ignore" });
  if (probe.error !== undefined) {
    return "tcpdump is not installed (Debian: apt-get install tcpdump)";
  }
  return process.getuid?.() === 0 ? null : "recording loopback needs root";
}

/** Starts to record all TCP of `network` (e.g. `127.0.7.0/24`) to a pcap file. */
export async function startRecorder(network: string, file: string): Promise<Recorder> {
  const child = spawn("tcpdump", [
    ...["-i", "lo", "-s", "0", "-B", "65536", "-n", "-U", "--immediate-mode"],
    ...["-Z", "root", "-w", file, `tcp and net ${network}`],
  ], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (data) => said += data);
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  let over = false;
  ended.then(() => over = true);
  process.on("exit", () => over || child.kill("SIGKILL"));
  while (!said.includes("listening on")) {
    if (over) throw new Error(`tcpdump: ${said}`);
    await wait(20);
  }
  return {
    async stop() {
      for (let size = -1; size !== statSync(file).size;) {
        size = statSync(file).size;
        await wait(300);
      }
      child.kill("SIGINT");
      await ended;
      const count = (pattern: RegExp) => {
        const found = pattern.exec(said)?.[1];
        if (found === undefined) throw new Error(`tcpdump: no count in ${said}`);
        return Number(found);
      };
      return {
        captured: count(/(\d+) packets? captured/),
        dropped: count(/(\d+) packets? dropped by kernel/),
      };
    },
  };
}
