// What the machine and the process say of themselves, for `envi` and `mntr`: no secrets among it.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { freemem, hostname, release, totalmem, userInfo } from "node:os";
import process from "node:process";
import { memoryUse } from "./process.ts";

const MIB = 1024 * 1024;

/** The rows of `envi`, under the names that monitors know; what has no match here is left out. */
export function environment(zookeeperVersion: string): [string, string][] {
  const { version, platform, arch } = process;
  const runtime = "Deno" in globalThis ? `Deno, Node ${version} API` : `Node ${version}`;
  return [
    ["zookeeper.version", zookeeperVersion],
    ["host.name", hostname()],
    ["java.version", `none (${runtime})`],
    ["java.vendor", "none"],
    ["java.home", process.execPath],
    ["java.class.path", ""],
    ["java.library.path", ""],
    ["java.io.tmpdir", process.env.TMPDIR ?? "/tmp"],
    ["java.compiler", "<NA>"],
    ["os.name", platform === "linux" ? "Linux" : platform],
    ["os.arch", arch === "x64" ? "amd64" : arch],
    ["os.version", release()],
    ["user.name", userName()],
    ["user.home", process.env.HOME ?? ""],
    ["user.dir", process.cwd()],
    ["os.memory.free", `${Math.floor(freemem() / MIB)}MB`],
    ["os.memory.max", `${Math.floor(totalmem() / MIB)}MB`],
    ["os.memory.total", `${Math.floor(memoryUse().resident / MIB)}MB`],
  ];
}

/** When a file was changed last, in ms since 1970; null when there is none. */
export function fileTime(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

/** Gauges of the process; what the system does not tell is left out. */
export function processGauges(): [string, number][] {
  const rows: [string, number][] = [];
  try {
    rows.push(["open_file_descriptor_count", readdirSync("/proc/self/fd").length]);
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    if (limit !== undefined) rows.push(["max_file_descriptor_count", Number(limit)]);
  } catch {
    return rows; // no /proc on this system: two gauges fewer
  }
  return rows;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? ""); // a uid without an entry, as in many containers
  }
}
