// Which voters are enough, as the settings of a run say: more than half of them, or with groups more
// than half of the groups that weigh anything, each by more than half of its weight. It is what the
// checks go by, so it is not the members' own lib/zab/quorums.ts.
//
// Must agree with Java's QuorumMaj and QuorumHierarchical.

import type { Sid } from "../base/ids.ts";

export type QuorumRule = (holders: readonly Sid[]) => boolean;

/** `settings`: lines of zoo.cfg. */
export function quorumRuleOf(
  settings: Readonly<Record<string, string>>,
  voters: readonly Sid[],
): QuorumRule {
  const groups = Object.entries(settings).filter(([key]) => key.startsWith("group."))
    .map(([, members]) => members.split(":").map(BigInt));
  if (groups.length === 0) {
    return (holders) => 2 * voters.filter((sid) => holders.includes(sid)).length > voters.length;
  }
  const weightOf = (members: readonly Sid[]): number =>
    members.reduce((sum, sid) => sum + Number(settings[`weight.${sid}`] ?? 1), 0);
  const heavy = groups.filter((members) => weightOf(members) > 0);
  return (holders) => {
    const won = heavy.filter((members) =>
      2 * weightOf(members.filter((sid) => holders.includes(sid))) > weightOf(members)
    );
    return 2 * won.length > heavy.length;
  };
}
