// Data directories change hands between our store and each Java release, both ways, with every kind
// of packing that the release knows.

import { describe, it } from "node:test";
import { compareVersions, javaUnavailable } from "./support/java.ts";
import { javaToUs, usToJava } from "./support/data_dir_stories.ts";

for (const version of ["3.4.14", "3.5.10", "3.6.4", "3.7.2", "3.8.6", "3.9.5"]) {
  const skip = javaUnavailable(version) ?? false;
  const packings = compareVersions(version, "3.6.0") < 0
    ? [""] as const
    : ["", "gz", "snappy"] as const;
  describe(`data directory and Java ${version}`, () => {
    for (const packing of packings) {
      const how = packing === "" ? "" : `, snapshots as ${packing}`;
      it(`is read by us with equal digests${how}`, { skip }, () => javaToUs(version, packing));
      it(`is served by it and read by its tools${how}`, { skip }, () => usToJava(version, packing));
    }
  });
}
