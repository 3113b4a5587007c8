// What clients may ask, and how each op travels: answered from the tree, ordered by whoever orders
// writes, or a sync. Everything else costs the connection (client.md 3.3).
//
// Must agree with Request.isValid and with the `lop` names of FinalRequestProcessor.

import { OpCode } from "../txn/opcodes.ts";

export type OpKind = "read" | "write" | "sync";

/** The name of what was refused before it was anything, as Java has it. */
export const NO_OP = "NA";

/** Op codes that clients may send start at closeSession's −11. */
const LOWEST = -16;
const TABLE_SIZE = 128;

const READS: readonly (readonly [number, string])[] = [
  [OpCode.exists, "EXIS"],
  [OpCode.getData, "GETD"],
  [OpCode.getACL, "GETA"],
  [OpCode.getChildren, "GETC"],
  [OpCode.ping, "PING"],
  [OpCode.getChildren2, "GETC"],
  [OpCode.checkWatches, "CHKW"],
  [OpCode.removeWatches, "REMW"],
  [OpCode.multiRead, "MLTR"],
  [OpCode.setWatches, "SETW"],
  [OpCode.getEphemerals, "GETE"],
  [OpCode.getAllChildrenNumber, "GETACN"],
  [OpCode.setWatches2, "STW2"],
  [OpCode.addWatch, "ADDW"],
  [OpCode.whoAmI, "HOMI"],
];
// check alone and deleteContainer are not here: they are refused from clients (client.md 11).
const WRITES: readonly (readonly [number, string])[] = [
  [OpCode.create, "CREA"],
  [OpCode.delete, "DELE"],
  [OpCode.setData, "SETD"],
  [OpCode.setACL, "SETA"],
  [OpCode.multi, "MULT"],
  [OpCode.create2, "CREA"],
  [OpCode.reconfig, "RECO"],
  [OpCode.createContainer, "CREA"],
  [OpCode.createTTL, "CREA"],
  [OpCode.closeSession, "CLOS"],
];

const kinds: (OpKind | null)[] = new Array(TABLE_SIZE - LOWEST).fill(null);
const names: string[] = new Array(TABLE_SIZE - LOWEST).fill(NO_OP);
for (const [kind, rows] of [["read", READS], ["write", WRITES]] as const) {
  for (const [op, name] of rows) {
    kinds[op - LOWEST] = kind;
    names[op - LOWEST] = name;
  }
}
kinds[OpCode.sync - LOWEST] = "sync";
names[OpCode.sync - LOWEST] = "SYNC";
names[OpCode.createSession - LOWEST] = "SESS";

const isInTable = (op: number): boolean => op >= LOWEST && op < TABLE_SIZE;

/** Null: not an op that a client may send. */
export const kindOf = (op: number): OpKind | null => isInTable(op) ? kinds[op - LOWEST] : null;

/** The op's name in `cons`. */
export const shortName = (op: number): string => isInTable(op) ? names[op - LOWEST] : NO_OP;
