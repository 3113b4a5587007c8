// Runs the fuzzer for a while: `deno task fuzz --seconds N --seed S`, one input again with
// `--seed S --input N`. Prints what was run; exits 1 when an input broke a promise.

import process from "node:process";
import { parseArgs } from "node:util";
import { Fuzzer, FuzzFailure } from "./support/fuzzer.ts";

function main(): number {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "10" },
      seed: { type: "string", default: String(Date.now() & 0xffffff) },
      input: { type: "string" },
    },
  });
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  if (!(seconds > 0) || !Number.isInteger(seed)) {
    console.error("usage: fuzz [--seconds N] [--seed S] [--input N]");
    return 2;
  }
  const fuzzer = new Fuzzer(seed);
  const end = performance.now() + seconds * 1000;
  try {
    if (values.input !== undefined) fuzzer.run(Number(values.input));
    else for (let number = 0; performance.now() < end; number++) fuzzer.run(number);
  } catch (error) {
    if (!(error instanceof FuzzFailure)) throw error;
    console.error(error.message);
    return 1;
  }
  const { inputs, bytes, messages, faults, slowestMs, slowestInput } = fuzzer.report;
  const heap = Math.round(process.memoryUsage().rss / 1e6);
  console.log(`seed ${seed}: ${inputs} inputs, ${bytes} bytes, ${messages} messages decoded`);
  console.log(`slowest ${slowestMs.toFixed(1)} ms (input ${slowestInput}), ${heap} MB resident`);
  console.log([...faults].sort().map(([code, count]) => `${code} ${count}`).join(", "));
  return 0;
}

process.exitCode = main();
