// The memberships of one member and their files, when the files make trouble.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "../lib/base/errors.ts";
import { loadConfig } from "../lib/peer/config.ts";
import { Members } from "../lib/peer/members.ts";
import { electionPlace, leaderPortOptions } from "../lib/peer/settings.ts";
import { MemoryDisk } from "./support/memory_disk.ts";

const FILE = "/conf/zoo.cfg";
const STATIC = "dataDir=/d\ninitLimit=5\nsyncLimit=2\nreconfigEnabled=true\n" +
  "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n";
const NEXT = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=d:1:2\nversion=500000001";

/** A disk that looks at no file and removes none, as for want of handles. */
class TiredDisk extends MemoryDisk {
  override size(path: string): number | null {
    throw new Fault("DISK", "looking at the file failed", { where: path });
  }

  override remove(path: string): void {
    throw new Fault("DISK", "removing failed", { where: path });
  }
}

function configOf(text: string, ...overrides: readonly string[]) {
  const result = loadConfig({ path: FILE, readFile: () => text, myid: "1", overrides });
  if (!result.ok) throw new Error(result.complaints.map(({ message }) => message).join("; "));
  return result.config;
}

describe("a membership that is committed", () => {
  for (const disk of [new MemoryDisk(), new TiredDisk()]) {
    it(`is in force whatever becomes of its files (${disk.constructor.name})`, () => {
      disk.makeDir("/conf");
      disk.put(FILE, new TextEncoder().encode(STATIC));
      const members = new Members(configOf(STATIC), disk, () => {});
      assert.equal(members.seen(NEXT), true);
      const before = members.commit(NEXT);
      assert.equal(before?.version, 0n);
      assert.deepEqual([members.committed.version, members.lastSeen], [0x500000001n, null]);
      assert.match(
        new TextDecoder().decode(disk.get(FILE)),
        /dynamicConfigFile=\/conf\/zoo\.cfg\.dynamic\.500000001/,
      );
    });
  }
});

describe("a membership that a leader has proposed", () => {
  const OLDER = NEXT.replace("500000001", "400000007");
  const NONE = NEXT.replace("server.3=d", "server.3=c").replace("500000001", "0");
  const NEXT_FILE = `${FILE}.dynamic.next`;

  /** A member that has seen NEXT, and what it finds when it starts again. */
  const bench = () => {
    const disk = new MemoryDisk();
    disk.makeDir("/conf");
    const read = (path: string) =>
      disk.size(path) === null ? null : new TextDecoder().decode(disk.get(path));
    disk.put(FILE, new TextEncoder().encode(STATIC));
    const members = new Members(configOf(STATIC), disk, () => {});
    members.seen(NEXT);
    return { members, next: () => read(NEXT_FILE) };
  };

  it("is forgotten when the next leader does not have it: it was never committed", () => {
    const { members, next } = bench();
    assert.match(next() ?? "", /version=500000001/);
    assert.equal(members.seen(NONE), true);
    assert.equal(members.lastSeen, null);
    assert.equal(next(), null, "it must not come back with a restart either");
    assert.equal(members.seen(NONE), false);
  });

  it("gives way to an older one that the next leader completes", () => {
    const { members, next } = bench();
    assert.equal(members.seen(OLDER), true);
    assert.equal(members.lastSeen?.version, 0x400000007n);
    assert.match(next() ?? "", /version=400000007/);
  });

  it("stays when what the next leader says cannot be read", () => {
    const { members } = bench();
    assert.equal(members.seen("nonsense=1\nversion=0"), false);
    assert.equal(members.lastSeen?.version, 0x500000001n);
  });
});

describe("the configuration file of a membership that is committed", () => {
  const bytesOf = (text: string) => Uint8Array.from(text, (unit) => unit.charCodeAt(0));
  const EDITED = "# caf\u00e9 \u0085\nsnapCount=77\n" + STATIC;

  /** The file after a reconfig, when it said `text` just before. */
  const rewritten = (text: string): string => {
    const disk = new MemoryDisk();
    disk.makeDir("/conf");
    const members = new Members(configOf(STATIC), disk, () => {});
    disk.put(FILE, bytesOf(text));
    members.commit(NEXT);
    return String.fromCharCode(...disk.get(FILE));
  };

  it("keeps what was written into it since the start, as Java's does", () => {
    const pointer = `dynamicConfigFile=${FILE}.dynamic.500000001\n`;
    const own = "dataDir=/d\ninitLimit=5\nsyncLimit=2\nreconfigEnabled=true\n";
    assert.equal(rewritten(EDITED), `# caf\u00e9 \u0085\nsnapCount=77\n${own}${pointer}`);
    assert.equal(rewritten(STATIC), own + pointer);
  });

  it("is left alone when it makes no sense any more", () => {
    const broken = `${STATIC}dataLogDir=\\u12\n`;
    assert.equal(rewritten(broken), broken);
  });
});

describe("a member with several addresses that listens on all of this machine's", () => {
  it("binds each port once: the addresses may share one", () => {
    const own = "server.1=10.0.0.1:2888:3888|10.1.0.1:2888:3888|10.2.0.1:2889:3889";
    const config = configOf(
      STATIC,
      ...["multiAddress.enabled=true", "quorumListenOnAllIPs=true", own],
    );
    const { bind, advertise } = electionPlace(config, config.membership);
    assert.deepEqual(bind, [{ host: "", port: 3888 }, { host: "", port: 3889 }]);
    assert.equal(advertise.length, 3);
    const leader = leaderPortOptions(config, config.membership, null, 0n);
    assert.deepEqual(leader.bind, [{ host: "", port: 2888 }, { host: "", port: 2889 }]);
  });
});
