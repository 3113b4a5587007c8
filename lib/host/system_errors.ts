// What the operating system says, as Faults: one stable code, what it was about, and what a person
// can do next.

import { Fault, type FaultCode } from "../base/errors.ts";

interface SystemError {
  readonly code?: string;
  readonly message?: string;
}

interface Meaning {
  readonly code: FaultCode;
  readonly text: string;
  readonly hint?: string;
}

const FILES: Readonly<Record<string, Meaning>> = {
  ENOSPC: { code: "DISK_FULL", text: "no space left", hint: "free space on this file system" },
  EDQUOT: { code: "DISK_FULL", text: "the quota is used up", hint: "raise the quota" },
  EFBIG: { code: "DISK_FULL", text: "the file would be too large", hint: "raise the size limit" },
  EROFS: { code: "DISK", text: "the file system is read-only", hint: "mount it for writing" },
  EACCES: { code: "DISK", text: "permission denied", hint: "check the owner and its rights" },
  EPERM: { code: "DISK", text: "not permitted", hint: "check the owner and its rights" },
  EMFILE: { code: "DISK", text: "too many open files", hint: "raise the limit (ulimit -n)" },
  ENOENT: { code: "DISK", text: "no such file or folder" },
  EIO: { code: "DISK", text: "the device failed", hint: "check the disk and the system's log" },
};

const LINKS: Readonly<Record<string, Meaning>> = {
  EADDRINUSE: { code: "PORT_IN_USE", text: "the port is in use", hint: "see who listens there" },
  EACCES: { code: "LINK", text: "permission denied", hint: "ports below 1024 need a privilege" },
  EADDRNOTAVAIL: { code: "LINK", text: "the address is not one of this machine" },
  ECONNREFUSED: { code: "LINK", text: "refused: nobody listens there" },
  ECONNRESET: { code: "LINK", text: "reset by the other side" },
  EPIPE: { code: "LINK", text: "closed by the other side" },
  EHOSTUNREACH: { code: "LINK", text: "no route to the host" },
  ENETUNREACH: { code: "LINK", text: "no route to the network" },
  ETIMEDOUT: { code: "TIMEOUT", text: "the other side does not answer" },
  ENOTFOUND: { code: "RESOLVE", text: "the name has no address" },
  EAI_AGAIN: { code: "RESOLVE", text: "the name service does not answer" },
  EMFILE: { code: "LINK", text: "too many open files", hint: "raise the limit (ulimit -n)" },
};

/** A fault of the disk; `doing` completes the sentence "… failed". */
export const diskFault = (error: unknown, doing: string, path: string): Fault =>
  fault(error, FILES, "DISK", doing, path);

/** A fault of the network; `where` names the link or the listener. */
export const linkFault = (error: unknown, doing: string, where: string): Fault =>
  fault(error, LINKS, "LINK", doing, where);

/** Errors of Linux that Deno passes on by number only, in its message. */
const NUMBERS: Readonly<Record<string, string>> = { 5: "EIO", 27: "EFBIG", 122: "EDQUOT" };

export function systemCode(error: unknown): string | undefined {
  const { code, message } = (error as SystemError | null) ?? {};
  if (code !== undefined) return code;
  return NUMBERS[/\(os error (\d+)\)/.exec(message ?? "")?.[1] ?? ""];
}

function fault(
  error: unknown,
  meanings: Readonly<Record<string, Meaning>>,
  otherwise: FaultCode,
  doing: string,
  where: string,
): Fault {
  const name = systemCode(error);
  const meaning = name === undefined ? undefined : meanings[name];
  const text = meaning?.text ?? (error as SystemError | null)?.message ?? String(error);
  return new Fault(meaning?.code ?? otherwise, `${doing} failed: ${text}`, {
    where,
    cause: error,
    ...(meaning?.hint === undefined ? {} : { hint: meaning.hint }),
    ...(name === undefined ? {} : { system: name }),
  });
}
