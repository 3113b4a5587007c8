// The C client as Debian packages it: a program of ours on both halves of its interface, and its own
// shell cli_mt, unmodified. Against Java's server and against ours.

import { join } from "node:path";
import { casesOf, compareClient } from "./support/clients/compare.ts";
import { install, scripts } from "./support/clients/install.ts";

const packages = ["libzookeeper-mt2", "libzookeeper-mt-dev", "zookeeper-bin"];
const library = ["usr", "lib"];
const source = join(scripts, "c", "client.c");
const warnings = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-DTHREADED"];

const installed = await install({
  name: "libzookeeper-mt",
  needs: [["apt-get", "--version"], ["dpkg-deb", "--version"], ["cc", "--version"]],
  steps: [
    ["apt-get", "download", ...packages],
    ["sh", "-c", 'for deb in *.deb; do dpkg-deb -x "$deb" .; done'],
    ["sh", "-c", "ln -sfn $(dirname usr/lib/*/libzookeeper_mt.so.2) lib"],
    [
      ...["cc", ...warnings, "-Iusr/include", "-o", "client", source],
      ...["-Llib", "-l:libzookeeper_mt.so.2", "-lpthread"],
    ],
  ],
  sources: ["c/client.c"],
});
const libraryOf = (dir: string): string => join(dir, "lib");

compareClient({
  title: "C client libzookeeper_mt",
  installed,
  cases: casesOf(source, /^ {4}\{"(\w+)", \w+\},$/gm),
  command: (hosts, dir) => ["env", `LD_LIBRARY_PATH=${libraryOf(dir)}`, join(dir, "client"), hosts],
});

/** Sections of a session with the shell. */
const session: Readonly<Record<string, readonly string[]>> = {
  creates: [
    "create /c",
    "create /c",
    "create /none/c",
    "create +e /c/mine",
    "create +s /c/seq-",
    "create +es /c/both-",
    "create +c /c/box",
    "create +t=100000 /c/ttl",
    "create +st=100000 /c/ttl-",
    "create2 /c/two",
    "acreate /c/async",
    "create /c/mine/child",
  ],
  reads: [
    "get /c",
    "set /c hello",
    "get /c",
    "aget /c",
    "exists /c",
    "aexists /none",
    "exists /none",
    "get /none",
    "ls /c",
    "ls2 /c",
    "als /none",
    "sync /c",
    "async /none",
  ],
  watches: ["wexists /c/new", "create /c/new", "set /c/new x", "ls /c", "delete /c/new"],
  deletes: [
    "delete /c",
    "delete /c/none",
    "delete /c/two",
    "adelete /c/async",
    "delete /zookeeper",
  ],
  others: ["addauth digest ann:secret", "config", "reconfig -remove 1", "nonsense"],
};

compareClient({
  title: "cli_mt",
  installed,
  cases: Object.keys(session),
  command: (hosts, dir) => {
    const cli = join(dir, ...library, "zookeeper", "bin", "cli_mt");
    return ["node", join(scripts, "c", "cli_driver.cjs"), hosts, cli, libraryOf(dir)];
  },
  stdin: Object.entries(session).flatMap(([name, commands]) => [`## ${name}`, ...commands, ""])
    .join("\n"),
});
