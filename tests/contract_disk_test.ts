// The disk contract on real files and on the disk that the tests of the store use.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HostDisk } from "../lib/host/disk.ts";
import { diskContract } from "./support/contract_disk.ts";
import { MemoryDisk } from "./support/memory_disk.ts";
import { until } from "./support/until.ts";

diskContract("host disk", () => {
  const dir = mkdtempSync(join(tmpdir(), "zkpeer-disk-"));
  return {
    disk: new HostDisk(),
    dir,
    until,
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
});

diskContract("memory disk", () => {
  const disk = new MemoryDisk();
  disk.makeDir("/data");
  return {
    disk,
    dir: "/data",
    until: (condition) =>
      until(() => {
        disk.run();
        return condition();
      }),
    close: () => {},
  };
});
