// Who may take a snapshot, restore one, or shed connections: whoever has every permission on `/`,
// shown by a header `Authorization: SCHEME CREDENTIAL` (operations.md 3.3). An open root lets anybody
// in who says so much as a made-up name, as in Java: protect `/` first.
//
// Must agree with handleAuthentication and handleAuthorization of Java's Commands.

import { authenticate, type AuthOptions, ipIdOf, Perm, permits } from "../auth/mod.ts";
import type { ACL, Id } from "../records/data.ts";

export interface Refusal {
  readonly status: number;
  readonly error: string;
}

const NOT_AUTHENTICATED: Refusal = { status: 401, error: "Not authenticated" };

/** Null: may. `remote` is the address of whoever asks. */
export function refusalOf(
  authorization: string | undefined,
  remote: string,
  rootAcl: readonly ACL[] | null,
  options: AuthOptions,
): Refusal | null {
  if (authorization === undefined) {
    return { status: 401, error: "Auth info is missing for the command" };
  }
  const ids = idsOf(authorization, remote, options);
  if (ids.length === 0) return NOT_AUTHENTICATED;
  for (let bit = 1; bit <= Perm.ALL; bit <<= 1) {
    if (!permits(rootAcl, bit, ids, options)) return { status: 403, error: "Not authorized" };
  }
  return null;
}

function idsOf(authorization: string, remote: string, options: AuthOptions): readonly Id[] {
  const words = authorization.split(" ");
  while (words.length > 1 && words.at(-1) === "") words.pop(); // as Java's split does
  const [scheme, credential] = words;
  if (words.length > 2) return [];
  const bytes = credential === undefined ? null : new TextEncoder().encode(credential);
  // The address is an id only for who asks to be known by it.
  const known: Id[] = scheme === "ip" ? [{ scheme: "ip", id: ipIdOf(remote) }] : [];
  const { ok, ids } = authenticate(scheme, bytes, known, options);
  return ok ? ids : [];
}

/** The address that a trusted proxy says it speaks for, else the one of the link. */
export function callerOf(remote: string, forwardedFor: string | undefined): string {
  const last = forwardedFor?.split(",").at(-1)?.trim() ?? "";
  return last === "" ? remote : last;
}
