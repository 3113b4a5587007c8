// Which releases of Apache ZooKeeper the project is measured against. Getting their jars is
// lib/cli/java.ts, since the command line runs Java members too.

export {
  cacheRoot,
  compareVersions,
  type Ended,
  insist,
  type JavaDist,
  JavaUnavailable,
  javaUnavailable,
  prepare,
} from "../../lib/cli/java.ts";

/** Oldest first. */
export const javaVersions: readonly string[] = [
  "3.3.6",
  "3.4.5",
  "3.4.14",
  "3.5.10",
  "3.6.4",
  "3.7.2",
  "3.8.6",
  "3.9.5",
];
