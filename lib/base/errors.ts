// Faults: everything the world can do to us. A bad peer or client costs itself its link; a bad disk
// costs us the process, never the data. Error codes of the ZooKeeper protocol are values in replies
// and live in wire/opcodes.ts, not here.

export type FaultCode =
  | "SHORT" // a record ends before its last field
  | "LENGTH" // a length that cannot be: negative, or over its limit
  | "FRAME_TOO_LONG"
  | "UNKNOWN_TYPE" // op, packet or txn type that nobody has defined
  | "BAD_MAGIC"
  | "CHECKSUM"
  | "TRAILING" // bytes where none may be
  | "PROTOCOL" // well-formed, but not allowed here and now
  | "TIMEOUT"
  | "LINK" // refused, reset, closed by the other side
  | "RESOLVE" // a host name without an address
  | "DISK" // reading or writing failed
  | "DISK_FULL"
  | "CORRUPT" // our own files contradict themselves
  | "CONFIG"
  | "DATA_DIR"
  | "PORT_IN_USE"
  | "UNSUPPORTED";

export interface FaultDetail {
  /** What the fault is about: a link, file, key or field. */
  readonly where?: string;
  /** What a person can do next. */
  readonly hint?: string;
  readonly cause?: unknown;
  readonly [fact: string]: unknown;
}

/** An error of the outside world with a stable code; the message names what, where and what to do. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  readonly detail: FaultDetail;

  constructor(code: FaultCode, message: string, detail: FaultDetail = {}) {
    const where = detail.where === undefined ? "" : ` (${detail.where})`;
    const hint = detail.hint === undefined ? "" : `; ${detail.hint}`;
    super(`${message}${where}${hint}`, detail.cause === undefined ? {} : { cause: detail.cause });
    this.code = code;
    this.detail = detail;
  }
}

export function isFault(error: unknown, code?: FaultCode): error is Fault {
  return error instanceof Fault && (code === undefined || error.code === code);
}
