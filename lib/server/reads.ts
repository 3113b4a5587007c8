// Everything a server answers from its own tree, without a txn: checks in the order of client.md
// 3.7, watches armed (6). The common reads build no bigint and no object: header, data and the
// stat's own bytes go straight into the connection's scratch.
//
// Must agree with the reading half of FinalRequestProcessor.

import { isFault } from "../base/errors.ts";
import { maskDigest, permits, userNameOf } from "../auth/mod.ts";
import type { Input } from "../codec/input.ts";
import type { Output } from "../codec/output.ts";
import {
  readSetWatches,
  readSetWatches2,
  writeMultiHeader,
  writeWhoAmIResponse,
} from "../records/client.ts";
import { writeACL } from "../records/data.ts";
import { ROOT } from "../tree/nodes.ts";
import type { Tree, Znode } from "../tree/tree.ts";
import { NULL_PATH, WatchMode } from "../tree/watches.ts";
import { ErrorCode, OpCode, opName, Xid } from "../txn/opcodes.ts";
import { MULTI_END } from "../wire/multi.ts";
import type { Connection } from "./connection.ts";
import { NamespaceMeter } from "./namespaces.ts";
import type { Core } from "./core.ts";
import { readMultiReads } from "./multi_ops.ts";

const READ = 1;
const ADMIN = 16;
/** Bytes of results in one answer: no client takes nearly as much, and a frame may ask for 50 GB. */
const MULTI_READ_MAX = 64 * 1024 * 1024;
/** Putting a path together costs as much as walking so many nodes. */
const PATH_WALK = 8;
/** In front of data. */
const INT_SIZE = 4;

export class Reads {
  readonly #core: Core;
  readonly #tree: Tree;
  readonly #namespaces: NamespaceMeter;

  constructor(core: Core) {
    this.#core = core;
    this.#tree = core.tree;
    this.#namespaces = new NamespaceMeter(core.meters, "read_per_namespace");
  }

  /** Answers one read whose body is in `input`. */
  answer(conn: Connection, xid: number, op: number, input: Input): void {
    if (op === OpCode.setWatches || op === OpCode.setWatches2) {
      return this.#setWatches(conn, xid, op, input);
    }
    const out = conn.output();
    const at = out.reserve();
    out.int(op === OpCode.ping ? Xid.ping : xid);
    out.long(this.#tree.lastZxid);
    const errAt = out.reserve();
    out.patch(errAt, 0);
    const bodyAt = out.size;
    let err: number;
    try {
      err = this.#body(conn, op, input, out);
    } catch (fault) {
      this.#undecoded(conn, op, fault);
      err = ErrorCode.MARSHALLINGERROR;
      out.rewind(bodyAt);
    }
    if (err !== 0) {
      // The results that a multiRead got to stay behind the error, as Java's do (client.md 3.1).
      if (op !== OpCode.multiRead) out.rewind(bodyAt);
      out.patch(errAt, err);
    }
    out.patchLength(at);
  }

  /** Writes the body; the error code, 0 when there is none. */
  #body(conn: Connection, op: number, input: Input, out: Output): number {
    switch (op) {
      case OpCode.getData:
        return this.#getData(conn, input, out);
      case OpCode.exists:
        return this.#exists(conn, input, out);
      case OpCode.getChildren:
        return this.#getChildren(conn, input, out, false);
      case OpCode.getChildren2:
        return this.#getChildren(conn, input, out, true);
      case OpCode.ping:
        return 0;
      case OpCode.sync:
        out.ustring(input.ustring());
        return 0;
      case OpCode.getACL:
        return this.#getACL(conn, input, out);
      case OpCode.multiRead:
        return this.#multiRead(conn, input, out);
      case OpCode.getEphemerals:
        return this.#getEphemerals(conn, input, out);
      case OpCode.getAllChildrenNumber:
        return this.#getAllChildrenNumber(conn, input, out);
      case OpCode.whoAmI:
        return this.#whoAmI(conn, out);
      default:
        return this.#watch(conn, op, input, out);
    }
  }

  #getData(conn: Connection, input: Input, out: Output): number {
    const tree = this.#tree;
    const path = input.ustring();
    const watch = input.boolean();
    if (path === null) return ErrorCode.MARSHALLINGERROR;
    const node = tree.get(path);
    if (node === undefined) return ErrorCode.NONODE;
    if (!this.#may(conn, node, READ)) return ErrorCode.NOAUTH;
    if (watch) tree.watches.data.add(path, conn, WatchMode.standard);
    const at = out.size;
    tree.writeData(node, out);
    tree.writeStat(node, out);
    this.#namespaces.add(path, out.size - at - INT_SIZE);
    return 0;
  }

  #exists(conn: Connection, input: Input, out: Output): number {
    const tree = this.#tree;
    const path = input.ustring();
    const watch = input.boolean();
    if (path === null) return ErrorCode.MARSHALLINGERROR;
    if (path.includes("\0")) return ErrorCode.BADARGUMENTS;
    const node = tree.get(path);
    if (node !== undefined && !this.#may(conn, node, READ)) return ErrorCode.NOAUTH;
    if (watch) tree.watches.data.add(path, conn, WatchMode.standard);
    if (node === undefined) return ErrorCode.NONODE;
    const at = out.size;
    tree.writeStat(node, out);
    this.#namespaces.add(path, out.size - at);
    return 0;
  }

  #getChildren(conn: Connection, input: Input, out: Output, withStat: boolean): number {
    const tree = this.#tree;
    const path = input.ustring();
    const watch = input.boolean();
    if (path === null) return ErrorCode.MARSHALLINGERROR;
    const node = tree.get(path);
    if (node === undefined) return ErrorCode.NONODE;
    if (!this.#may(conn, node, READ)) return ErrorCode.NOAUTH;
    if (watch) tree.watches.child.add(path, conn, WatchMode.standard);
    const at = out.size;
    tree.writeChildren(node, out);
    if (withStat) tree.writeStat(node, out);
    this.#namespaces.add(path, out.size - at);
    return 0;
  }

  #getACL(conn: Connection, input: Input, out: Output): number {
    const path = input.ustring();
    if (path === null) return ErrorCode.MARSHALLINGERROR;
    const node = this.#tree.get(path);
    if (node === undefined) return ErrorCode.NONODE;
    if (!this.#may(conn, node, READ | ADMIN)) return ErrorCode.NOAUTH;
    const acl = this.#tree.aclShown(node);
    out.vector(this.#may(conn, node, ADMIN) ? acl : maskDigest(acl), writeACL);
    this.#tree.writeStat(node, out);
    return 0;
  }

  #getAllChildrenNumber(conn: Connection, input: Input, out: Output): number {
    const path = input.ustring();
    if (path === null) return ErrorCode.MARSHALLINGERROR;
    const node = this.#tree.get(path);
    if (node === undefined) return ErrorCode.NONODE;
    if (!this.#may(conn, node, READ)) return ErrorCode.NOAUTH;
    const number = this.#tree.descendants(node);
    if (node !== ROOT) this.#core.walked += number;
    // Under its other name the root counts itself, as Java's prefix "" + "/" does.
    out.int(number + (path === "" ? 1 : 0));
    return 0;
  }

  /** Those of this session only, by plain prefix of the text. */
  #getEphemerals(conn: Connection, input: Input, out: Output): number {
    const prefix = input.ustring();
    const all = prefix === null || isEverything(prefix);
    const count = out.reserve();
    let found = 0;
    for (const path of this.#tree.ephemeralsOf(conn.sessionId)) {
      this.#core.walked += PATH_WALK;
      if (!all && !path.startsWith(prefix)) continue;
      out.ustring(path);
      found += 1;
    }
    out.patch(count, found);
    return 0;
  }

  #whoAmI(conn: Connection, out: Output): number {
    writeWhoAmIResponse(out, {
      clientInfo: conn.ids.map((id) => ({
        authScheme: id.scheme,
        user: userNameOf(id, this.#core.auth),
      })),
    });
    return 0;
  }

  /** Every part has its own result; one that fails does not stop the others. */
  #multiRead(conn: Connection, input: Input, out: Output): number {
    const tree = this.#tree;
    const reads = readMultiReads(input);
    const start = out.size;
    let err = reads === null ? ErrorCode.MARSHALLINGERROR as number : 0;
    for (const { type, path } of reads ?? []) {
      if (out.size - start > MULTI_READ_MAX) return this.#tooLong(conn, out, start);
      if (path === null) {
        err = ErrorCode.MARSHALLINGERROR;
        break;
      }
      const node = tree.get(path);
      if (node === undefined || !this.#may(conn, node, READ)) {
        const refusal = node === undefined ? ErrorCode.NONODE : ErrorCode.NOAUTH;
        writeMultiHeader(out, { type: OpCode.error, done: false, err: refusal });
        out.int(refusal);
        continue;
      }
      writeMultiHeader(out, { type, done: false, err: 0 });
      if (type === OpCode.getChildren) {
        tree.writeChildren(node, out);
      } else {
        tree.writeData(node, out);
        tree.writeStat(node, out);
      }
    }
    writeMultiHeader(out, MULTI_END);
    return err;
  }

  #tooLong(conn: Connection, out: Output, start: number): number {
    out.rewind(start);
    this.#core.note("warn", "server", "a multiRead asks for more than one answer may hold", {
      client: conn.client.host,
      limit: MULTI_READ_MAX,
    });
    return ErrorCode.MARSHALLINGERROR;
  }

  #watch(conn: Connection, op: number, input: Input, out: Output): number {
    const { watches } = this.#tree;
    switch (op) {
      case OpCode.addWatch: {
        const path = input.ustring() ?? NULL_PATH;
        if (!watches.add(path, conn, input.int())) return ErrorCode.MARSHALLINGERROR;
        out.int(0);
        return 0;
      }
      case OpCode.checkWatches:
        return watchAnswer(input, (path, type) => watches.has(path, conn, type));
      case OpCode.removeWatches:
        return watchAnswer(input, (path, type) => watches.remove(path, conn, type));
      default:
        return ErrorCode.UNIMPLEMENTED; // the intake lets nothing else through
    }
  }

  /** The events go out first, then the reply. */
  #setWatches(conn: Connection, xid: number, op: number, input: Input): void {
    let err = ErrorCode.MARSHALLINGERROR as number;
    try {
      const asked = op === OpCode.setWatches2
        ? readSetWatches2(input)
        : { ...readSetWatches(input), persistentWatches: [], persistentRecursiveWatches: [] };
      if (this.#tree.setWatches(conn, asked.relativeZxid, asked)) err = 0;
    } catch (fault) {
      this.#undecoded(conn, op, fault);
    }
    this.#core.refuse(conn, xid, err);
  }

  #undecoded(conn: Connection, op: number, fault: unknown): void {
    if (!isFault(fault)) throw fault;
    this.#core.note("warn", "server", `a request cannot be decoded: ${fault.message}`, {
      client: conn.client.host,
      op: opName(op),
    });
  }

  #may(conn: Connection, node: Znode, permission: number): boolean {
    const acl = this.#tree.acl(node);
    return acl === null || permits(acl, permission, conn.ids, this.#core.auth);
  }
}

function watchAnswer(
  input: Input,
  look: (path: string, type: number) => boolean | null,
): number {
  const found = look(input.ustring() ?? NULL_PATH, input.int());
  if (found === null) return ErrorCode.MARSHALLINGERROR;
  return found ? 0 : ErrorCode.NOWATCHER;
}

/** A blank prefix and the root ask for all. */
const isEverything = (prefix: string): boolean => ["", "/"].includes(trimmed(prefix));

/** Java's trim: everything up to the space goes, not only what Unicode calls white. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 0x20) start += 1;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end -= 1;
  return text.slice(start, end);
}
