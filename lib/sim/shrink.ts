// Makes a failing seed smaller: shorter, fewer observers and clients, without the faults that it does
// not need. What is left is still a plain seed with a few wishes, so it can be replayed by a command.

import { type RunOptions, type RunResult, runSeed } from "./run.ts";

export interface Shrunk {
  readonly options: RunOptions;
  readonly result: RunResult;
  readonly tries: number;
}

/** What a run that throws has to say is a violation like any other. */
export function tryRun(options: RunOptions): RunResult {
  try {
    return runSeed(options);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return {
      seed: options.seed,
      profile: options.profile ?? "chaos",
      members: "?",
      violations: [`it threw: ${error.stack ?? error.message}`],
      hash: "",
      virtualMs: 0,
      steps: 0,
      faultMs: 0,
      faults: 0,
      ops: 0,
      acknowledged: 0,
      coverage: new Map(),
      tail: [],
    };
  }
}

/** What broke, without its numbers: another kind of failure is another story. */
const kindOf = ({ violations }: RunResult): string =>
  (violations[0] ?? "").replace(/0x[0-9a-f]+|\d+/g, "N").slice(0, 32);

/** At most `triesMax` further runs, and none any more once `isEnough` says so. */
export function shrink(
  failing: RunOptions,
  first: RunResult,
  triesMax: number,
  isEnough: () => boolean = () => false,
): Shrunk {
  let best: { options: RunOptions; result: RunResult } = {
    options: { ...failing, ear: undefined },
    result: first,
  };
  let tries = 0;
  const attempt = (change: Partial<RunOptions>): boolean => {
    if (tries >= triesMax || isEnough()) return false;
    tries += 1;
    const options = { ...best.options, ...change };
    const result = tryRun(options);
    if (result.violations.length === 0 || kindOf(result) !== kindOf(first)) return false;
    best = { options, result };
    return true;
  };
  // What came after the failure is not needed, and often much of what came before.
  const untilIt = (): number => Math.ceil(best.result.faultMs / 60) / 1000;
  if (untilIt() < best.options.minutes) attempt({ minutes: untilIt() });
  for (let part = 2; part <= 16 && attempt({ minutes: failing.minutes / part }); part *= 2);
  attempt({ observers: 0 });
  for (const clients of [1, 2]) if (attempt({ clients })) break;
  skipFaults(best.result.faults, (skip) => attempt({ skip }), () => best.options.skip ?? new Set());
  if (untilIt() < best.options.minutes) attempt({ minutes: untilIt() });
  return { ...best, tries };
}

/** Leaves out faults: half of them at a time, then quarters, and so on down to single ones. */
function skipFaults(
  count: number,
  attempt: (skip: ReadonlySet<number>) => boolean,
  skipped: () => ReadonlySet<number>,
): void {
  for (let size = Math.ceil(count / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < count; from += size) {
      const skip = new Set(skipped());
      const before = skip.size;
      for (let i = from; i < from + size && i < count; i++) skip.add(i);
      if (skip.size > before) attempt(skip);
    }
  }
}
