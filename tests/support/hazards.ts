// Requests that are dangerous to Java servers (client.md 11, quorum.md H-R8), and requests that
// nobody can decode: what each is made of and what a server of ours answers. None may reach others.

import type { Output } from "../../lib/codec/output.ts";
import type { ACL } from "../../lib/records/data.ts";
import * as records from "../../lib/records/client.ts";
import { ErrorCode as E, OpCode } from "../../lib/txn/opcodes.ts";
import { bytesOf, garbage, HUGE } from "./hostile.ts";

/** Refused with this code; `closed`: -6 and the connection's end; `cut`: the end without a word. */
export type Answer = typeof E.BADARGUMENTS | typeof E.MARSHALLINGERROR | "closed" | "cut";

export interface Hazard {
  readonly name: string;
  readonly op: number;
  readonly body: Uint8Array;
  readonly answer: Answer;
  /** What it does to Java servers of 3.9.5 alone; undefined when they survive it. */
  readonly javaDoes?: "halts" | "stalls";
}

const WORLD: ACL[] = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A request frame. */
export const frameOf = (xid: number, op: number, body: Uint8Array): Uint8Array =>
  bytesOf((out) => {
    const at = out.reserve();
    out.int(xid);
    out.int(op);
    out.raw(body);
    out.patchLength(at);
  });

export const createBody = (path: string, data: Uint8Array | null = null, flags = 0): Uint8Array =>
  bytesOf((out) => records.writeCreateRequest(out, { path, data, acl: WORLD, flags }));
export const deleteBody = (path: string): Uint8Array =>
  bytesOf((out) => records.writeDeleteRequest(out, { path, version: -1 }));
export const setBody = (path: string, data: Uint8Array | null): Uint8Array =>
  bytesOf((out) => records.writeSetDataRequest(out, { path, data, version: -1 }));
const ttlBody = (path: string, flags: number, ttl: bigint): Uint8Array =>
  bytesOf((out) =>
    records.writeCreateTTLRequest(out, { path, data: null, acl: WORLD, flags, ttl })
  );

/** Parts as (type, body) and the closing header, if any. */
export function multiBody(parts: readonly (readonly [number, Uint8Array])[], ends = true) {
  const header = (out: Output, type: number, done: boolean): void => {
    out.int(type);
    out.boolean(done);
    out.int(-1);
  };
  return bytesOf((out) => {
    for (const [type, body] of parts) {
      header(out, type, false);
      out.raw(body);
    }
    if (ends) header(out, -1, true);
  });
}

/** The path of a quota that a test makes first, in these steps. */
export const QUOTA = "/zookeeper/quota/limited";
export const quotaSteps: readonly (readonly [number, Uint8Array])[] = [
  [OpCode.create, createBody("/limited")],
  [OpCode.create, createBody(QUOTA)],
  [OpCode.create, createBody(`${QUOTA}/zookeeper_limits`, text("count=1000,bytes=-1"))],
  [OpCode.create, createBody(`${QUOTA}/zookeeper_stats`, text("count=0,bytes=0"))],
];

const ROOT_LIMITS = "/zookeeper/quota/zookeeper_limits";
const NO_LIMITS = "/zookeeper/zookeeper_limits";
const BAD = E.BADARGUMENTS;

/** What Java takes and cannot apply. */
const halting: readonly Hazard[] = [
  {
    name: "createTTL without a TTL mode",
    op: OpCode.createTTL,
    body: ttlBody("/ttl", 0, -1n),
    answer: BAD,
    javaDoes: "halts",
  },
  {
    name: "createTTL of a container",
    op: OpCode.createTTL,
    body: ttlBody("/ttl", 4, -7n),
    answer: BAD,
    javaDoes: "halts",
  },
  {
    name: "a quota on the root",
    op: OpCode.create,
    body: createBody(ROOT_LIMITS, text("count=1,bytes=1")),
    answer: BAD,
    javaDoes: "halts",
  },
  {
    name: "a quota on the root by create2",
    op: OpCode.create2,
    body: createBody(ROOT_LIMITS, text("count=1,bytes=1")),
    answer: BAD,
    javaDoes: "halts",
  },
  {
    name: "a quota on the root in a multi",
    op: OpCode.multi,
    body: multiBody([
      [OpCode.create, createBody("/before")],
      [OpCode.create, createBody(ROOT_LIMITS, text("count=1,bytes=1"))],
    ]),
    answer: BAD,
    javaDoes: "halts",
  },
  {
    name: "limits of nothing, an ephemeral that ends",
    op: OpCode.create,
    body: createBody(NO_LIMITS, text("count=1,bytes=1"), 1),
    answer: BAD,
  },
  {
    name: "limits of nothing, deleted",
    op: OpCode.multi,
    body: multiBody([
      [OpCode.create, createBody(NO_LIMITS, text("count=1,bytes=1"))],
      [OpCode.delete, deleteBody(NO_LIMITS)],
    ]),
    answer: BAD,
    javaDoes: "halts",
  },
  {
    name: "limits below a name like the system's, deleted",
    op: OpCode.multi,
    body: multiBody([
      [OpCode.create, createBody("/zookeeper1")],
      [OpCode.create, createBody("/zookeeper1/zookeeper_limits")],
      [OpCode.delete, deleteBody("/zookeeper1/zookeeper_limits")],
    ]),
    answer: BAD,
    javaDoes: "halts",
  },
  {
    name: "limits of a blank name, deleted",
    op: OpCode.multi,
    body: multiBody([
      [OpCode.create, createBody("/zookeeper/quota/ ")],
      [OpCode.create, createBody("/zookeeper/quota/ /zookeeper_limits")],
      [OpCode.delete, deleteBody("/zookeeper/quota/ /zookeeper_limits")],
    ]),
    answer: BAD,
    javaDoes: "halts",
  },
  {
    name: "usage of a quota that is no usage, and a write below",
    op: OpCode.multi,
    body: multiBody([
      [OpCode.setData, setBody(`${QUOTA}/zookeeper_stats`, text("garbage"))],
      [OpCode.create, createBody("/limited/a")],
    ]),
    answer: BAD,
    javaDoes: "halts",
  },
  {
    name: "usage of a quota that is null, and a write below",
    op: OpCode.multi,
    body: multiBody([
      [OpCode.setData, setBody(`${QUOTA}/zookeeper_stats`, null)],
      [OpCode.create, createBody("/limited/b")],
    ]),
    answer: BAD,
    javaDoes: "halts",
  },
  {
    name: "usage of a quota that is no usage",
    op: OpCode.setData,
    body: setBody(`${QUOTA}/zookeeper_stats`, text("count=x,bytes=1")),
    answer: BAD,
  },
  {
    name: "limits that older servers cannot read",
    op: OpCode.setData,
    body: setBody(`${QUOTA}/zookeeper_limits`, text("byteHardLimit=5")),
    answer: BAD,
  },
];

/** What only servers may ask, and what nobody knows. */
const refused: readonly Hazard[] = [
  ["deleteContainer", OpCode.deleteContainer, bytesOf((out) => out.buffer(text("/limited")))],
  ["createSession", OpCode.createSession, bytesOf((out) => out.int(4000))],
  ["check alone", OpCode.check, deleteBody("/limited")],
  ["error", OpCode.error, bytesOf((out) => out.int(-1))],
  ["an op that nobody knows", 999, new Uint8Array(0)],
].map(([name, op, body]) => ({ name, op, body, answer: "closed" }) as Hazard);

const BODIES: readonly (readonly [string, number, Uint8Array])[] = [
  ["create", OpCode.create, createBody("/undecodable", text("data"))],
  ["create2", OpCode.create2, createBody("/undecodable", text("data"))],
  ["createContainer", OpCode.createContainer, createBody("/undecodable", text("data"), 4)],
  ["createTTL", OpCode.createTTL, ttlBody("/undecodable", 5, 1000n)],
  ["delete", OpCode.delete, deleteBody("/undecodable")],
  ["setData", OpCode.setData, setBody("/undecodable", text("data"))],
  [
    "setACL",
    OpCode.setACL,
    bytesOf((out) =>
      records.writeSetACLRequest(out, { path: "/undecodable", acl: WORLD, version: -1 })
    ),
  ],
  [
    "reconfig",
    OpCode.reconfig,
    bytesOf((out) =>
      records.writeReconfigRequest(out, {
        joiningServers: "server.9=a:1:2",
        leavingServers: null,
        newMembers: null,
        curConfigId: -1n,
      })
    ),
  ],
];

/** Nobody can decode these; a leader of 3.9 stalls on all but multi. */
const undecodable: readonly Hazard[] = [
  ...BODIES.flatMap(([name, op, body]): Hazard[] =>
    [
      { name: `${name} cut short`, op, body: body.subarray(0, body.length - 1) },
      { name: `${name} without a body`, op, body: new Uint8Array(0) },
      { name: `${name} with a path of 2 GiB`, op, body: bytesOf((out) => out.int(HUGE)) },
      { name: `${name} of garbage`, op, body: garbage(64, op).fill(0x7e, 0, 4) },
    ].map((made) => ({ ...made, answer: E.MARSHALLINGERROR, javaDoes: "stalls" }))
  ),
  ...([
    [
      "two billion permissions",
      OpCode.create,
      bytesOf((out) => {
        out.ustring("/undecodable");
        out.int(0);
        out.int(HUGE);
      }),
    ],
    [
      "three permissions and none there",
      OpCode.setACL,
      bytesOf((out) => {
        out.ustring("/undecodable");
        out.int(3);
      }),
    ],
    ["a multi without an end", OpCode.multi, multiBody([[1, createBody("/undecodable")]], false)],
    ["an unknown op in a multi", OpCode.multi, multiBody([[99, new Uint8Array(8)]])],
    ["a multi in a multi", OpCode.multi, multiBody([[14, multiBody([])]])],
    ["a close in a multi", OpCode.multi, multiBody([[-11, new Uint8Array(0)]])],
    ["a part of a multi cut short", OpCode.multi, multiBody([[1, garbage(3, 8)]], false)],
    ["garbage in a multi", OpCode.multi, garbage(64, 9).fill(0x7e, 0, 4).fill(0, 4, 5)],
    [
      "garbage behind a good part",
      OpCode.multi,
      bytesOf((out) => {
        out.raw(multiBody([[1, createBody("/undecodable")]], false));
        out.raw(garbage(40, 11).fill(0x7e, 0, 4).fill(0, 4, 5));
      }),
    ],
    ["a multi of nothing at all", OpCode.multi, new Uint8Array(0)],
    ["a sync of garbage", OpCode.sync, bytesOf((out) => out.int(HUGE))],
    ["a sync without a body", OpCode.sync, new Uint8Array(0)],
    ["a read of garbage", OpCode.getData, bytesOf((out) => out.int(HUGE))],
  ] as const).map(([name, op, body]): Hazard => ({
    name,
    op,
    body,
    answer: E.MARSHALLINGERROR,
  })),
];

export const hazards: readonly Hazard[] = [...halting, ...refused, ...undecodable];
