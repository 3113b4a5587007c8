// The two standalone servers of a differential test, started with the same settings: Java's newest
// release and ours.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, SUPER_AUTH } from "./differential_generate.ts";
import { prepare, standalone, type TestServer } from "./java.ts";
import { standaloneZkpeer } from "./zkpeer.ts";

export const JAVA_VERSION = "3.9.5";

export interface Servers {
  readonly dir: string;
  /** Java's, then ours. */
  readonly both: readonly [TestServer, TestServer];
  /** Ends both, and leaves their folders. */
  stop(): Promise<void>;
  /** Ends both and removes all that they wrote. */
  remove(): Promise<void>;
}

export async function startServers(variant: { enforcesQuota: boolean }): Promise<Servers> {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-differential-"));
  const settings = {
    tickTime: "250",
    minSessionTimeout: "500",
    maxSessionTimeout: "600000",
    maxClientCnxns: "0",
    forceSync: "no", // nobody pulls the plug in this test
    extendedTypesEnabled: "true",
    enforceQuota: String(variant.enforcesQuota),
    "DigestAuthenticationProvider.superDigest": digestOf(SUPER_AUTH),
    "autopurge.purgeInterval": "0",
  };
  // No container is old enough to be removed while the test runs.
  const never = ["znode.container.checkIntervalMs", "86400000"].join("=");
  const folders = ["java", "zkpeer"].map((name) => join(dir, name));
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const both = await Promise.all([
    prepare(JAVA_VERSION).then((dist) =>
      standalone(dist, { dir: folders[0], settings, jvmArgs: [`-D${never}`, "-Xmx512m"] })
    ),
    standaloneZkpeer({ dir: folders[1], settings, args: ["--set", never] }),
  ]);
  const stop = async (): Promise<void> => {
    await Promise.all(both.map((server) => server.stop()));
  };
  return {
    dir,
    both,
    stop,
    remove: async () => {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
