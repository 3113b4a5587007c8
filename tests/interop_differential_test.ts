// The differential test at full length: hundreds of thousands of random requests to Java 3.9.5 and
// to us in lock step. ZKPEER_SEED=SEED:REQUESTS runs one seed instead, as a failure tells.

import { strict as assert } from "node:assert";
import process from "node:process";
import { describe, it } from "node:test";
import { JAVA_VERSION } from "./support/differential_servers.ts";
import { trial } from "./support/differential_trial.ts";
import { javaUnavailable } from "./support/java.ts";

const skip = javaUnavailable(JAVA_VERSION) ?? false;
const REQUESTS = 50_000;
/** Every fourth enforces quotas, and with it sends one request at a time. */
const SEEDS = [1001, 1002, 1003, 1004, 1005, 1006];
/** What a client may ask of a standalone server and be answered; every long seed asks all of it. */
const OPS_MIN = 25;

const [onlySeed, onlyRequests] = (process.env.ZKPEER_SEED ?? "").split(":");
const seeds = onlySeed === "" ? SEEDS : [Number(onlySeed)];
const requests = Number(onlyRequests ?? REQUESTS);

describe("our server beside Java's", () => {
  for (const seed of seeds) {
    const title =
      `gives the same answers, tree, digest and log: seed ${seed}, ${requests} requests`;
    it(title, { skip }, async () => {
      const report = await trial(seed, requests);
      console.error(
        `seed ${seed}: ${report.requests} requests, ${report.txns} transactions, ` +
          `${report.nodes} nodes at the end, ${(report.millis / 1000).toFixed(1)} s; left out: ` +
          [...report.excluded].map(([name, count]) => `${count} x ${name}`).join(", "),
      );
      assert.ok(report.requests >= requests * 0.9);
      assert.ok(report.ops.size >= OPS_MIN || requests < REQUESTS, `${report.ops.size} ops`);
    });
  }
});
