// go-zookeeper, unmodified: against Java's server and against ours.

import { join } from "node:path";
import { casesOf, compareClient } from "./support/clients/compare.ts";
import { install, scripts } from "./support/clients/install.ts";

const VERSION = "1.0.4";
const folder = join(scripts, "go");

compareClient({
  title: `go-zookeeper ${VERSION}`,
  installed: await install({
    name: `go-zookeeper-${VERSION}`,
    needs: [["go", "version"]],
    steps: [["go", "build", "-C", folder, "-o", "{dir}/client", "."]],
    sources: ["go/main.go", "go/go.mod", "go/go.sum"],
  }),
  cases: casesOf(join(folder, "main.go"), /^\t\{"(\w+)", \w+\},$/gm),
  command: (hosts, dir) => [join(dir, "client"), hosts],
  // It reads `srvr` only in the form that servers printed up to 3.6, which is the one ours prints.
  onPurpose: {
    srvr: {
      theirs: /^false unknown .*no regex matches/,
      ours: /^true standalone true true <nil>$/,
    },
  },
});
