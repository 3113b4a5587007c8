// The command-line client of Apache ZooKeeper 3.9.5, unmodified, with a scripted session of every
// command that a standalone server answers (operations.md 5.2): against Java's server and against
// ours. What it prints, on both of its streams, must be the same.

import { compareClient, SERVER_VERSION } from "./support/clients/compare.ts";
import { javaTools, javaUnavailable, prepare } from "./support/java.ts";

const acl = "digest:bob:PCGRUm8WFBmVOxjVyjYw7YBN8J8=:cdrwa"; // bob:2

/** Sections: the commands of each. Every section begins in the tree that the one before left. */
const session: Readonly<Record<string, readonly string[]>> = {
  "create and get": [
    "create /app first",
    "create /app again",
    "create /none/child x",
    "create /app/empty",
    "get /app",
    "get -s /app",
    "get -b /app",
    "get -x /app",
    "get /app/empty",
    "get /missing",
    "create /größe wörter",
    "get /größe",
    "create relative x",
    "create //x x",
  ],
  "modes of create": [
    "create -s /app/seq- a",
    "create -s /app/seq- b",
    "create -e /app/mine c",
    "create -e -s /app/mine- d",
    "create -c /app/box",
    "create -t 100000 /app/ttl x",
    "create -s -t 100000 /app/ttl- x",
    "create /app/mine/child x",
    "create -e -c /app/both x",
    "stat /app/box",
    "stat /app/ttl",
    "getEphemerals",
    "getEphemerals /app/mine-",
    "getEphemerals /other",
  ],
  "set and delete": [
    "set /app second",
    "set -s /app third",
    "set -v 0 /app late",
    "set -v 2 /app fourth",
    "set -b /app aGVsbG8=",
    "set /missing x",
    "get -s /app",
    "delete /app",
    "delete -v 9 /app/empty",
    "delete -v 0 /app/empty",
    "delete /missing",
    "delete /zookeeper",
  ],
  "lists": [
    "ls /",
    "ls -s /app",
    "ls -R /",
    "ls /missing",
    "ls -w /app",
    "ls /zookeeper",
    "getAllChildrenNumber /",
    "getAllChildrenNumber /app",
    "getAllChildrenNumber /missing",
    "stat /",
    "stat /zookeeper",
    "stat /missing",
    "sync /",
    "sync /missing",
  ],
  "access lists": [
    "getAcl /app",
    "getAcl -s /app",
    "whoami",
    "addauth digest bob:2",
    "whoami",
    `create /locked secret ${acl}`,
    "getAcl /locked",
    `setAcl -s -v 0 /locked ${acl},world:anyone:r`,
    "getAcl /locked",
    "setAcl -v 7 /locked world:anyone:cdrwa",
    "setAcl /locked nosuch:x:r",
    "setAcl /locked auth::rw",
    "getAcl /locked",
    "setAcl /missing world:anyone:r",
    "create /tree x",
    "create /tree/one x",
    "setAcl -R /tree world:anyone:r",
    "getAcl /tree/one",
    "set /tree/one y",
    "create /tree/two x",
    "setAcl /forbidden ip:127.0.0.1:cdrwa",
    "create /home x ip:127.0.0.1:cdrwa",
    "getAcl /home",
    "create /away x ip:10.0.0.0/8:cdrwa",
    "get /away",
    "set /away y",
  ],
  "quotas": [
    "create /limited x",
    "setquota -n 3 /limited",
    "listquota /limited",
    "create /limited/a 12345",
    "listquota /limited",
    "setquota -b 20 /limited",
    "setquota -N 4 /limited",
    "setquota -B 30 /limited",
    "listquota /limited",
    "create /limited/b 12345",
    "create /limited/c 12345",
    "create /limited/d 12345",
    "set /limited/a 0123456789012345678901234567890",
    "setquota -n 2 /limited/a",
    "setquota -n 2 /missing",
    "setquota -n 2 /zookeeper",
    "ls -R /zookeeper/quota",
    "get /zookeeper/quota/limited/zookeeper_stats",
    "delquota -n /limited",
    "delquota -b /limited",
    "delquota -N /limited",
    "listquota /limited",
    "delquota /limited",
    "listquota /limited",
    "listquota /missing",
  ],
  "watches": [
    "create /seen x",
    "get -w /seen",
    "stat -w /seen",
    "ls -w /seen",
    "set /seen y",
    "create /seen/child x",
    "delete /seen/child",
    "stat -w /unborn",
    "create /unborn x",
    "addWatch -m PERSISTENT /seen",
    "set /seen a",
    "set /seen b",
    "create /seen/k x",
    "addWatch /deep",
    "create /deep x",
    "create /deep/er x",
    "set /deep/er y",
    "deleteall /deep",
    "removewatches /seen",
    "set /seen c",
    "removewatches /seen",
    "removewatches /never",
    "removewatches -r /deep",
    "removewatches -p /deep",
    "get -w /seen",
    "removewatches -d /seen",
    "removewatches -c /seen",
    "set /seen d",
    "printwatches",
    "addWatch -m NONSENSE /seen",
  ],
  "removal of trees": [
    "create /many x",
    "create /many/a x",
    "create /many/a/b x",
    "create /many/a/b/c x",
    "deleteall -b 2 /many",
    "ls /many",
    "deleteall /missing",
  ],
  "configuration": [
    "config",
    "config -c",
    "config -s",
    "reconfig -remove 1",
    "reconfig -add server.2=localhost:1:2;3",
    "reconfig -members server.1=localhost:1:2;3",
    "version",
    "get /zookeeper/config",
  ],
  "sessions": [
    "create -e /fleeting x",
    "close",
    "ls /app",
    "connect",
    "stat /fleeting",
    "getEphemerals",
    "whoami",
    "history",
    "redo 1",
    "nonsense",
  ],
};

/** A command that only marks the transcript: it names a znode that nobody makes. */
const mark = (name: string): string => `stat /mark/${name.replaceAll(" ", "_")}`;
const stdin = Object.entries(session)
  .flatMap(([name, commands]) => [mark(name), ...commands, "sync /"])
  .concat(mark("end"), "sync /", "quit", "").join("\n"); // the last command gives the exit code

const event = /^WatchedEvent state:(\S+) type:(\S+) path:(\S+).*$/;

/**
 * Marks become headings, and events, which another thread prints whenever it comes to that, get one
 * of their own. Log lines, times, zxids and session ids go.
 */
function normalise(text: string): string {
  const lines = text.split("\n")
    .filter((line) => !/^(\d{4}-\d\d-\d\d |\s*at |WATCHER::|\s*$)/.test(line))
    .map((line) => line.replace(/^\[zk: [^\]]*\] /, ""));
  const events = lines.flatMap((line) => {
    const [, state, type, path] = event.exec(line) ?? [];
    return type === undefined || type === "None" ? [] : [`${state} ${type} ${path}`];
  });
  const rest = lines.filter((line) => !event.test(line)).map((line) =>
    line
      .replace(/^Node does not exist: \/mark\/(\w+)$/, (_, name) => `## ${name}`)
      .replace(/^([cm]time) = .*$/, "$1 = TIME")
      .replace(/^\[(\/.*)\]$/, (_, list) => `[${list.split(", ").sort().join(", ")}]`)
      .replace(/^(ephemeralOwner = 0x)[0-9a-f]{9,}$/, "$1SESSION")
      .replace(/session(id)?:? ?0x[0-9a-f]+/gi, "session 0xSESSION")
  );
  const end = rest.indexOf("## end");
  return [...rest.slice(0, end), "## events", ...events, ...rest.slice(end)].join("\n");
}

const why = javaUnavailable(SERVER_VERSION);
const dist = why === null ? await prepare(SERVER_VERSION) : null;

compareClient({
  title: `zkCli ${SERVER_VERSION}`,
  installed: dist === null ? { why: why ?? "no Java" } : { dir: "" },
  cases: [...Object.keys(session).map((name) => name.replaceAll(" ", "_")), "events"],
  command: (hosts) => {
    const jvm = ["-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"];
    const classpath = ["-cp", dist?.classpath ?? ""];
    return ["java", ...jvm, ...classpath, javaTools.cli, "-server", hosts];
  },
  stdin,
  takesStderr: true,
  normalise,
});
