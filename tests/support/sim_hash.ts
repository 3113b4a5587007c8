// Prints the trace hash of the seeds in its arguments: run by both runtimes, to be compared.

import process from "node:process";
import { runSeed } from "../../lib/sim/run.ts";

for (const word of process.argv.slice(2)) {
  const { hash } = runSeed({ seed: Number(word), members: null, minutes: 0.5, profile: null });
  console.log(`${word} ${hash}`);
}
