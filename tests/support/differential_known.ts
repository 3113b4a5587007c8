// Requests that are not sent in a differential test, each for a reason with a name: there Java's
// server has a defect that ours does not copy (client.md 11), so the answers differ on purpose.
// Nothing else may be left out.

import { OpCode } from "../../lib/txn/opcodes.ts";
import { type Asked, askedBy, type Request } from "./differential_steps.ts";

export interface Exclusion {
  readonly name: string;
  readonly reason: string;
  readonly meets: (request: Request, where: { readonly enforcesQuota: boolean }) => boolean;
}

const LIMITS = "/zookeeper_limits";
const STATS = "/zookeeper_stats";
const QUOTA = "/zookeeper/quota";
const CONTAINER_FLAGS = 4;

const anyPart = (request: Request, test: (asked: Asked) => boolean): boolean =>
  askedBy(request).some(test);

const CREATES: ReadonlySet<number> = new Set<number>([
  ...[OpCode.create, OpCode.create2, OpCode.createContainer, OpCode.createTTL],
]);
const isWriteOf = ({ op, record }: Asked, name: string): boolean =>
  (CREATES.has(op) || op === OpCode.setData) && typeof record.path === "string" &&
  record.path.startsWith(QUOTA) && record.path.endsWith(name);

const isUsageText = (data: Uint8Array | null | undefined): boolean =>
  data != null && /^(|-1|count=-?\d+[,;]bytes=-?\d+)$/.test(new TextDecoder().decode(data));
const isLimitsText = (data: Uint8Array | null | undefined): boolean =>
  data != null &&
  /^(\w+=-?\d*=?[,;]+)*\w+=-?\d*$/.test(new TextDecoder().decode(data));

/** Ops whose body Java reads while it makes a transaction. */
const READ_BY_PREP: ReadonlySet<number> = new Set<number>([
  ...CREATES,
  ...[OpCode.delete, OpCode.setData, OpCode.setACL, OpCode.reconfig, OpCode.deleteContainer],
]);

/** A part on which reading a whole multi throws something else than Java's own kind of fault. */
const isUnreadablePart = ({ op, record }: Asked): boolean =>
  record.path === null ||
  (CREATES.has(op) && op !== OpCode.createTTL && record.acl === null);

export const exclusions: readonly Exclusion[] = [
  {
    name: "TTL create without a TTL mode halts",
    reason: "a negative TTL passes Java's checks and throws when it is applied; ours answers -8",
    meets: ({ op, ...rest }) => {
      if (op !== OpCode.createTTL || !("record" in rest)) return false;
      const { flags = 0, ttl = -1n } = rest.record;
      return flags !== 5 && flags !== 6 && ttl < 0n;
    },
  },
  {
    name: "a quota on the root halts",
    reason: "an empty path in Java's quota trie throws when it is applied; ours answers -8",
    meets: (request) =>
      anyPart(request, (asked) => CREATES.has(asked.op) && asked.record.path === QUOTA + LIMITS),
  },
  {
    name: "usage of a quota that is no usage halts",
    reason: "Java parses the text whenever something changes below and throws; ours counts from 0",
    meets: (request) => anyPart(request, (a) => isWriteOf(a, STATS) && !isUsageText(a.record.data)),
  },
  {
    name: "limits that are no limits refuse every create",
    reason: "Java answers -5 to creates below an unreadable quota; to ours it is no limit",
    meets: (request, { enforcesQuota }) =>
      enforcesQuota &&
      anyPart(request, (a) => isWriteOf(a, LIMITS) && !isLimitsText(a.record.data)),
  },
  {
    name: "clients cannot delete containers",
    reason: "Java lets a client delete any childless node by op 20, whatever its ACL; ours refuses",
    meets: ({ op }) => op === OpCode.deleteContainer,
  },
  {
    name: "clients cannot create sessions by request",
    reason: "Java would make a session of op -10; ours refuses",
    meets: ({ op }) => op === OpCode.createSession,
  },
  {
    name: "an unreadable write reuses a zxid",
    reason: "Java logs the error with the last transaction's zxid; ours takes a fresh one",
    meets: (request) =>
      "raw" in request
        ? READ_BY_PREP.has(request.op)
        : request.op === OpCode.multi && anyPart(request, isUnreadablePart),
  },
];

/** The name of what keeps a request from being sent; null for most. */
export function exclusionOf(
  request: Request,
  where: { readonly enforcesQuota: boolean },
): string | null {
  return exclusions.find((exclusion) => exclusion.meets(request, where))?.name ?? null;
}

/**
 * Whether Java may promise a wrong digest with a transaction near this request, although its tree
 * is right: a mode that does not fit the op, the root changed under two names (client.md 11).
 */
export function spoilsDigests(request: Request): boolean {
  return askedBy(request).some(({ op, record }) => {
    if (!CREATES.has(op)) return record.path === "/" || record.path === "";
    const isContainer = op === OpCode.createContainer;
    return isContainer !== (record.flags === CONTAINER_FLAGS);
  });
}
