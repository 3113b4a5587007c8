// The two clients that npm has, unmodified: node-zookeeper-client, all JavaScript, and zookeeper, a
// binding that builds the C client from the sources it brings. Against Java's server and ours.

import { join } from "node:path";
import { casesOf, compareClient } from "./support/clients/compare.ts";
import { install, scripts } from "./support/clients/install.ts";

const PURE = "1.1.3";
const NATIVE = "7.3.0";
const cases = /^ {2}async (\w+)\(zk\) \{$/gm;
const npmInstall = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"];

const pure = join(scripts, "node_pure.cjs");
compareClient({
  title: `npm node-zookeeper-client ${PURE}`,
  installed: await install({
    name: `node-zookeeper-client-${PURE}`,
    needs: [["npm", "--version"], ["node", "--version"]],
    steps: [["npm", "init", "-y"], [...npmInstall, `node-zookeeper-client@${PURE}`]],
  }),
  cases: casesOf(pure, cases),
  command: (hosts, dir) => ["node", pure, hosts, dir],
});

const native = join(scripts, "node_native.cjs");
const folder = join("node_modules", "zookeeper");
compareClient({
  title: `npm zookeeper ${NATIVE}`,
  installed: await install({
    name: `zookeeper-${NATIVE}`,
    needs: [["npm", "--version"], ["node", "--version"], ["make", "--version"], [
      "cc",
      "--version",
    ]],
    steps: [
      ["npm", "init", "-y"],
      // Newer npm runs install scripts only when told to, so that is done by hand.
      [...npmInstall, "--ignore-scripts", `zookeeper@${NATIVE}`],
      ["npm", "run", "install", "--prefix", folder],
      ["node", "-e", `require("./${folder}")`],
    ],
  }),
  cases: casesOf(native, cases),
  command: (hosts, dir) => ["node", native, hosts, dir],
});
