// Drives one client by one script, against Java's server and against ours, and makes a test of each
// section of what the script prints: "## NAME" and the lines below it must be equal.

import { strict as assert } from "node:assert";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startChild } from "../child.ts";
import { javaUnavailable, prepare, standalone, type TestServer } from "../java.ts";
import { standaloneZkpeer } from "../zkpeer.ts";
import type { Installed } from "./install.ts";

export const SERVER_VERSION = "3.9.5";

const settings = {
  tickTime: "500",
  minSessionTimeout: "1000",
  maxSessionTimeout: "60000",
  maxClientCnxns: "0",
  extendedTypesEnabled: "true",
  enforceQuota: "true",
};
/** A script that is not over by then has lost an answer. */
const SCRIPT_MS = 600_000;

export interface Drive {
  /** The client and its version. */
  readonly title: string;
  readonly installed: Installed;
  /** Names of the sections, in the order of the script. */
  readonly cases: readonly string[];
  /** The command, for a server at this address; `dir` is where the client was installed. */
  readonly command: (hosts: string, dir: string) => readonly string[];
  /** What the command reads; nothing unless given. */
  readonly stdin?: string;
  /** Whether what it says on stderr is part of the answers. */
  readonly takesStderr?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Sections that differ on purpose: what each server's must match instead. */
  readonly onPurpose?: Readonly<Record<string, { readonly theirs: RegExp; readonly ours: RegExp }>>;
  /** Takes out of the text what differs from run to run. */
  readonly normalise?: (text: string) => string;
}

interface Transcript {
  readonly code: number | null;
  readonly sections: ReadonlyMap<string, string>;
  /** The end of all that was printed, for a failure's message. */
  readonly tail: string;
}

/** Registers the tests of one client. */
export function compareClient(drive: Drive): void {
  const { installed } = drive;
  const skip = "why" in installed ? installed.why : javaUnavailable(SERVER_VERSION) ?? false;
  let made: Promise<readonly Transcript[]> | null = null;
  const both = () => made ??= runBoth(drive);
  describe(drive.title, () => {
    for (const [name, { theirs, ours }] of Object.entries(drive.onPurpose ?? {})) {
      it(`${name}: differs from Java's as it should`, { skip }, async () => {
        const [java, zkpeer] = await both();
        assert.match(java.sections.get(name) ?? "", theirs);
        assert.match(zkpeer.sections.get(name) ?? "", ours);
      });
    }
    for (const name of drive.cases) {
      if (drive.onPurpose !== undefined && name in drive.onPurpose) continue;
      it(`${name}: our server answers as Java's`, { skip }, async () => {
        const [theirs, ours] = await both();
        const expected = theirs.sections.get(name);
        assert.ok(expected !== undefined, `nothing of Java's server:\n${theirs.tail}`);
        assert.doesNotMatch(expected, /FAILED/);
        assert.equal(ours.sections.get(name) ?? `nothing:\n${ours.tail}`, expected);
      });
    }
    it("prints these sections, and ends well", { skip }, async () => {
      for (const { code, sections, tail } of await both()) {
        assert.equal(code, 0, tail);
        assert.deepEqual([...sections.keys()], [...drive.cases, "end"]);
      }
    });
  });
}

async function runBoth(drive: Drive): Promise<readonly Transcript[]> {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-clients-"));
  const folders = ["java", "zkpeer"].map((name) => join(dir, name));
  for (const folder of folders) mkdirSync(folder);
  const servers = await Promise.all([
    prepare(SERVER_VERSION).then((dist) => standalone(dist, { dir: folders[0], settings })),
    standaloneZkpeer({ dir: folders[1], settings }),
  ]);
  try {
    return await Promise.all(servers.map((server) => runOnce(drive, server)));
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(dir, { recursive: true, force: true });
  }
}

async function runOnce(drive: Drive, server: TestServer): Promise<Transcript> {
  if ("why" in drive.installed) throw new Error(drive.installed.why);
  const hosts = `${server.clientHost}:${server.clientPort}`;
  const file = (name: string): string => join(server.dir, name);
  writeFileSync(file("in"), drive.stdin ?? "");
  const plumbing = drive.takesStderr === true
    ? 'in=$1; shift 2; exec "$@" <"$in" 2>&1'
    : 'in=$1; err=$2; shift 2; exec "$@" <"$in" 2>"$err"';
  const child = startChild(
    [
      "sh",
      "-c",
      plumbing,
      "sh",
      file("in"),
      file("err"),
      ...drive.command(hosts, drive.installed.dir),
    ],
    { logFile: file("out"), cwd: server.dir, env: drive.env },
  );
  const hard = setTimeout(() => child.kill("SIGKILL"), SCRIPT_MS);
  const { code } = await child.exited;
  clearTimeout(hard);
  const printed = child.log().replaceAll(hosts, "HOST:PORT").replaceAll(
    String(server.clientPort),
    "PORT",
  );
  const complaints = existsSync(file("err")) ? readFileSync(file("err"), "utf8") : "";
  return {
    code,
    sections: sectionsOf((drive.normalise ?? ((text) => text))(printed)),
    tail: `${server.name}, exit ${code}: ${complaints.slice(-1500)}\n${printed.slice(-1500)}`,
  };
}

function sectionsOf(text: string): Map<string, string> {
  const sections = new Map<string, string>();
  for (const part of text.split(/^## /m).slice(1)) {
    const end = part.indexOf("\n");
    sections.set(part.slice(0, end).trim(), part.slice(end + 1).trimEnd());
  }
  return sections;
}

/** Names that a pattern with one group finds in a script of ours, in order. */
export function casesOf(script: string, pattern: RegExp): string[] {
  return [...readFileSync(script, "utf8").matchAll(pattern)].map((match) => match[1] ?? "");
}
