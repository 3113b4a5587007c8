// One whole differential trial: servers from nothing, steps of a seed, the comparison afterwards; and
// what to do about a seed that fails: make it short, and say how to run it again.

import { compareDisks, compareLive } from "./differential_final.ts";
import { Difference, Pair } from "./differential.ts";
import { generateSteps, type Plan, superAuth } from "./differential_generate.ts";
import { spoilsDigests } from "./differential_known.ts";
import { startServers } from "./differential_servers.ts";
import { type Request, type Step, stepText } from "./differential_steps.ts";

export interface Report {
  readonly requests: number;
  readonly txns: number;
  readonly nodes: number;
  readonly excluded: ReadonlyMap<string, number>;
  readonly ops: ReadonlySet<number>;
  readonly millis: number;
}

const SLOTS = 5;
/** Requests for each session that is left to expire. */
const REQUESTS_PER_EXPIRY = 3_000;
/** Steps in a failure's message. */
const STEPS_SHOWN = 40;
/** A failing seed is made shorter for at most so long. */
const SHRINK_MS = 90_000;

/** Plan of a seed; the same for tests, the list of seeds and the command that replays one. */
export const planOf = (requests: number): Plan => ({
  requests,
  slots: SLOTS,
  expiries: Math.ceil(requests / REQUESTS_PER_EXPIRY),
});

/** Quotas are enforced in every fourth seed: then requests travel one by one. */
export const variantOf = (seed: number) => ({ enforcesQuota: seed % 4 === 3 });

/** Runs a seed. Faults: an error that tells the difference, the steps left, and the command. */
export async function trial(seed: number, requests: number): Promise<Report> {
  const steps = generateSteps(seed, planOf(requests));
  try {
    return await attempt(seed, steps);
  } catch (error) {
    if (!(error instanceof Difference)) throw error;
    throw new Error(await explain(seed, requests, steps, error));
  }
}

/** Runs steps on new servers. Faults: Difference. */
export async function attempt(seed: number, steps: readonly Step[]): Promise<Report> {
  const started = Date.now();
  const variant = variantOf(seed);
  const servers = await startServers(variant);
  let requests = 0;
  let isSpoiled = false;
  const ops = new Set<number>();
  const sent = (request: Request): void => {
    requests += 1;
    ops.add(request.op);
    isSpoiled ||= spoilsDigests(request);
  };
  const pair = new Pair(servers.both, superAuth, { ...variant, sent });
  try {
    await pair.run(steps);
    const live = await compareLive(pair, servers.both);
    pair.close();
    await servers.stop();
    const { txns } = compareDisks(servers.both, pair.sessions, live, isSpoiled);
    const millis = Date.now() - started;
    return { requests, txns, nodes: live.nodes, excluded: pair.excluded, ops, millis };
  } finally {
    pair.close();
    await servers.remove();
  }
}

async function explain(
  seed: number,
  requests: number,
  steps: readonly Step[],
  first: Difference,
): Promise<string> {
  console.error(`seed ${seed}: ${first.message.split("\n")[0]}; looking for fewer steps`);
  const { short, difference } = await shrink(seed, steps, first);
  return [
    `seed ${seed} differs: ${difference.message}`,
    `after ${short.length} steps, of ${steps.length}; the last of them:`,
    ...short.slice(-STEPS_SHOWN).map((step) => `  ${stepText(step)}`),
    `again with: ZKPEER_SEED=${seed}:${requests} npx tsx --test tests/interop_differential_test.ts`,
    `when it is mended, keep it in fixtures/seeds.txt: differential ${seed} ${requests} # what it was`,
  ].join("\n");
}

/** Leaves out steps, then requests, as long as the servers still differ. */
async function shrink(
  seed: number,
  steps: readonly Step[],
  first: Difference,
): Promise<{ short: readonly Step[]; difference: Difference }> {
  const stop = Date.now() + SHRINK_MS;
  let short: readonly Step[] = first.step < 0 ? steps : steps.slice(0, first.step + 1);
  let difference = first;
  const keepsDiffering = async (candidate: readonly Step[]): Promise<boolean> => {
    try {
      await attempt(seed, candidate);
      return false;
    } catch (error) {
      if (!(error instanceof Difference)) throw error;
      difference = error;
      return true;
    }
  };
  const without = async (parts: readonly Step[]): Promise<readonly Step[]> => {
    let kept = parts;
    for (let size = Math.ceil(parts.length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < kept.length && Date.now() < stop;) {
        const candidate = [...kept.slice(0, at), ...kept.slice(at + size)];
        if (candidate.length > 0 && await keepsDiffering(candidate)) kept = candidate;
        else at += size;
      }
    }
    return kept;
  };
  short = await without(short);
  short = await without(short.flatMap(single));
  return { short, difference };
}

/** One step per request; the order is what it was. */
function single(step: Step): readonly Step[] {
  if (step.kind !== "requests") return [step];
  return step.requests.map((request) => ({ ...step, requests: [request] }));
}
