// A transaction: header, body by type, optional digest. The same bytes are the entry of a log
// record and the data of PROPOSAL and INFORM (storage.md 2.2 and 3, quorum.md 7.2), so a Txn keeps
// them: they are encoded once and then only copied.
//
// Must agree with Java's SerializeUtils and with the parts of a MultiTxn in DataTree.processTxn.

import { Fault, isFault } from "../base/errors.ts";
import { hex } from "../base/ids.ts";
import { Input } from "../codec/input.ts";
import { Output } from "../codec/output.ts";
import {
  type CheckVersionTxn,
  type CreateContainerTxn,
  type CreateSessionTxn,
  type CreateTTLTxn,
  type CreateTxn,
  type DeleteTxn,
  type ErrorTxn,
  readCheckVersionTxn,
  readCloseSessionTxn,
  readCreateContainerTxn,
  readCreateSessionTxn,
  readCreateTTLTxn,
  readCreateTxn,
  readCreateTxnV0,
  readDeleteTxn,
  readErrorTxn,
  readMultiTxn,
  readSetACLTxn,
  readSetDataTxn,
  readTxnDigest,
  readTxnHeader,
  type SetACLTxn,
  type SetDataTxn,
  type TxnDigest,
  type TxnHeader,
  writeCheckVersionTxn,
  writeCreateContainerTxn,
  writeCreateSessionTxn,
  writeCreateTTLTxn,
  writeCreateTxn,
  writeCreateTxnV0,
  writeDeleteTxn,
  writeErrorTxn,
  writeSetACLTxn,
  writeSetDataTxn,
  writeTxnDigest,
  writeTxnHeader,
} from "../records/txn.ts";
import { OpCode, opName } from "./opcodes.ts";

/** A body with its kind. Buffers in a decoded body are views into the txn's bytes. */
export type TxnBody =
  | { readonly kind: "create"; readonly record: CreateTxn; readonly beforeV34: boolean }
  | { readonly kind: "createContainer"; readonly record: CreateContainerTxn }
  | { readonly kind: "createTTL"; readonly record: CreateTTLTxn }
  | { readonly kind: "delete"; readonly record: DeleteTxn }
  | { readonly kind: "setData"; readonly record: SetDataTxn }
  | { readonly kind: "setACL"; readonly record: SetACLTxn }
  | { readonly kind: "check"; readonly record: CheckVersionTxn }
  | { readonly kind: "createSession"; readonly record: CreateSessionTxn }
  /** Null: written without a list (3.5 and older, or closeSessionTxn.enabled=false). */
  | { readonly kind: "closeSession"; readonly paths: string[] | null }
  | { readonly kind: "error"; readonly record: ErrorTxn }
  | { readonly kind: "multi"; readonly parts: readonly TxnPart[] };

/** One op of a multi: its type as on the wire, and its body. */
export interface TxnPart {
  readonly type: number;
  readonly body: TxnBody;
}

export interface Txn {
  readonly header: TxnHeader;
  readonly body: TxnBody;
  readonly digest: TxnDigest | null;
  /** Header, body and digest as logged and proposed. Owned by the txn: never a view of a chunk. */
  readonly bytes: Uint8Array;
}

export const DIGEST_VERSION = 2;
const DIGEST_SIZE = 12;
/**
 * Txns are encoded one behind the other into blocks that are never written twice: an array of its
 * own for each costs more than all the rest of its encoding.
 */
const BLOCK = 64 * 1024;
let block = new Output(BLOCK);

/** True when this multi was refused as a whole: some part carries an error. */
export const isRefusedMulti = (parts: readonly TxnPart[]): boolean =>
  parts.some((part) => part.type === OpCode.error);

/** Encodes a txn; nobody else writes to its bytes. */
export function makeTxn(header: TxnHeader, body: TxnBody, digest: TxnDigest | null): Txn {
  if (block.size > BLOCK / 2) block = new Output(BLOCK);
  const at = block.size;
  writeTxnHeader(block, header);
  writeTxnBody(block, body);
  if (digest !== null) writeTxnDigest(block, digest);
  let bytes = block.viewFrom(at);
  if (bytes.length > BLOCK / 4) {
    bytes = bytes.slice(); // a large txn does not keep a block that grew for it
    block = new Output(BLOCK);
  }
  return { header, body, digest, bytes };
}

/**
 * Decodes an entry. `bytes` must be the caller's to give away: the txn keeps them and its buffers
 * are views of them. Bytes behind the digest are ignored, as Java does.
 *
 * Faults: SHORT, LENGTH, UNKNOWN_TYPE.
 */
export function decodeTxn(bytes: Uint8Array, limit = 0x7fffffff): Txn {
  const input = new Input(bytes, 0, bytes.length, limit);
  const header = readTxnHeader(input);
  const body = header.type === OpCode.closeSession
    ? readCloseSession(input)
    : readTxnBody(input, header.type, `zxid ${hex(header.zxid)}`);
  const digest = input.left >= DIGEST_SIZE ? readTxnDigest(input) : null;
  return { header, body, digest, bytes };
}

/** The body of a txn or of a part of a multi. */
export function readTxnBody(input: Input, type: number, where: string): TxnBody {
  switch (type) {
    case OpCode.create:
    case OpCode.create2:
      return readCreate(input);
    case OpCode.createContainer:
      return { kind: "createContainer", record: readCreateContainerTxn(input) };
    case OpCode.createTTL:
      return { kind: "createTTL", record: readCreateTTLTxn(input) };
    case OpCode.delete:
    case OpCode.deleteContainer:
      return { kind: "delete", record: readDeleteTxn(input) };
    case OpCode.setData:
    case OpCode.reconfig:
      return { kind: "setData", record: readSetDataTxn(input) };
    case OpCode.setACL:
      return { kind: "setACL", record: readSetACLTxn(input) };
    case OpCode.check:
      return { kind: "check", record: readCheckVersionTxn(input) };
    case OpCode.createSession:
      return { kind: "createSession", record: readCreateSessionTxn(input) };
    case OpCode.closeSession:
      return readCloseSession(input);
    case OpCode.error:
      return { kind: "error", record: readErrorTxn(input) };
    case OpCode.multi:
      return readMulti(input, where);
    default:
      throw new Fault("UNKNOWN_TYPE", `there is no transaction of type ${type}`, { where, type });
  }
}

export function writeTxnBody(out: Output, body: TxnBody): void {
  switch (body.kind) {
    case "create":
      return body.beforeV34 ? writeCreateTxnV0(out, body.record) : writeCreateTxn(out, body.record);
    case "createContainer":
      return writeCreateContainerTxn(out, body.record);
    case "createTTL":
      return writeCreateTTLTxn(out, body.record);
    case "delete":
      return writeDeleteTxn(out, body.record);
    case "setData":
      return writeSetDataTxn(out, body.record);
    case "setACL":
      return writeSetACLTxn(out, body.record);
    case "check":
      return writeCheckVersionTxn(out, body.record);
    case "createSession":
      return writeCreateSessionTxn(out, body.record);
    case "closeSession":
      if (body.paths !== null) out.vector(body.paths, (o, path) => o.ustring(path));
      return;
    case "error":
      return writeErrorTxn(out, body.record);
    case "multi":
      return writeMulti(out, body.parts);
  }
}

function readCreate(input: Input): TxnBody {
  const start = input.at;
  try {
    return { kind: "create", record: readCreateTxn(input), beforeV34: false };
  } catch (error) {
    if (!isFault(error, "SHORT")) throw error;
    input.at = start; // before 3.4 there was no parentCVersion
    const record = { ...readCreateTxnV0(input), parentCVersion: -1 };
    return { kind: "create", record, beforeV34: true };
  }
}

/**
 * A closeSession may have a list, a digest, both or neither, and nothing tells which. A list that
 * ends exactly at the end or 12 bytes before it is a list; else there is none (storage.md 3, trap).
 */
function readCloseSession(input: Input): TxnBody {
  const start = input.at;
  if (input.left > 0) {
    try {
      const paths = readCloseSessionTxn(input).paths2Delete;
      if (input.left === 0 || input.left === DIGEST_SIZE) {
        return { kind: "closeSession", paths: paths?.map((path) => path ?? "") ?? [] };
      }
    } catch (error) {
      if (!isFault(error)) throw error;
    }
  }
  input.at = start;
  return { kind: "closeSession", paths: null };
}

function readMulti(input: Input, where: string): TxnBody {
  const txns = readMultiTxn(input).txns ?? [];
  const parts = txns.map(({ type, data }, index): TxnPart => {
    if (type === OpCode.multi || type === OpCode.createSession || type === OpCode.closeSession) {
      throw new Fault("UNKNOWN_TYPE", `a multi cannot hold ${opName(type)}`, {
        where: `${where}, part ${index}`,
      });
    }
    const bytes = data ?? new Uint8Array(0);
    return { type, body: readTxnBody(new Input(bytes), type, `${where}, part ${index}`) };
  });
  return { kind: "multi", parts };
}

function writeMulti(out: Output, parts: readonly TxnPart[]): void {
  out.int(parts.length);
  for (const part of parts) {
    out.int(part.type);
    const length = out.reserve();
    writeTxnBody(out, part.body);
    out.patchLength(length);
  }
}
