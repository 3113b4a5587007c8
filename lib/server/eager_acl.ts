// `enableEagerACLCheck`: the server that receives a write refuses at once, without a txn, what its
// own tree forbids already (client.md 5.4). What it cannot tell goes to the leader.
//
// Must agree with ZooKeeperServer.authWriteRequest; members of an ensemble only.

import { isFault } from "../base/errors.ts";
import { fixup, idsRoom, lacksId, Perm, permits } from "../auth/mod.ts";
import type { Input } from "../codec/input.ts";
import type { ACL } from "../records/data.ts";
import {
  readCreateRequest,
  readDeleteRequest,
  readSetACLRequest,
  readSetDataRequest,
} from "../records/client.ts";
import { parentOf, validatePartialPath } from "../tree/paths.ts";
import { ErrorCode, OpCode } from "../txn/opcodes.ts";
import type { Connection } from "./connection.ts";
import type { Core } from "./core.ts";

/** What a write needs, and where. */
interface Need {
  readonly path: string | null;
  readonly permission: number;
  /** Given when the request brings a list of its own. */
  readonly acl?: readonly ACL[] | null;
}

/** 0, or the error of a write whose body stands in `input`; reads on from where it stood. */
export function eagerRefusal(core: Core, conn: Connection, op: number, input: Input): number {
  const start = input.at;
  let need: Need | null;
  try {
    need = needOf(op, input);
  } catch (fault) {
    if (!isFault(fault)) throw fault;
    return 0;
  } finally {
    input.at = start;
  }
  if (need === null || need.path === null) return 0;
  const room = idsRoom(core.options.recordLimit);
  if (need.acl !== undefined && fixup(need.acl, conn.ids, core.auth, room) === null) {
    return lacksId(need.acl, core.auth) ? 0 : ErrorCode.INVALIDACL;
  }
  const node = core.tree.get(need.path);
  if (node === undefined) return 0;
  const allowed = permits(core.tree.acl(node), need.permission, conn.ids, core.auth);
  return allowed ? 0 : ErrorCode.NOAUTH;
}

function needOf(op: number, input: Input): Need | null {
  switch (op) {
    case OpCode.create:
    case OpCode.create2: {
      const { path, acl } = readCreateRequest(input);
      return { path: above(path), permission: Perm.CREATE, acl };
    }
    case OpCode.delete:
      return { path: above(readDeleteRequest(input).path), permission: Perm.DELETE };
    case OpCode.setData:
      return { path: readSetDataRequest(input).path, permission: Perm.WRITE };
    case OpCode.setACL: {
      const { path, acl } = readSetACLRequest(input);
      return { path, permission: Perm.ADMIN, acl };
    }
    default:
      return null;
  }
}

const above = (path: string | null): string | null =>
  path === null || validatePartialPath(path) !== null ? null : parentOf(path);
