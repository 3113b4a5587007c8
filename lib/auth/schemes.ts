// The schemes under which a connection is somebody (client.md 5.2): which are registered, what an id
// of theirs looks like, when an id of an access list means a caller, and what the auth op does.
//
// Must agree with Java's ProviderRegistry and the providers in server.auth.

import { Buffer } from "node:buffer";
import { createHash, getHashes } from "node:crypto";
import { Fault } from "../base/errors.ts";
import { decodeText } from "../codec/input.ts";
import type { Id } from "../records/data.ts";
import { isDistinguishedName } from "./distinguished_name.ts";
import { isInRange, isValidRange } from "./ip.ts";
import type { AuthOptions } from "./options.ts";

const SCHEMES = ["ip", "digest", "sasl", "x509", "ensemble"] as const;
type Scheme = (typeof SCHEMES)[number];

export interface Authenticated {
  /** False: answer −115 and close. */
  readonly ok: boolean;
  /** All ids of the connection from here on. */
  readonly ids: readonly Id[];
}

/** The scheme, if it is registered. */
function registered(scheme: string | null, options: AuthOptions): Scheme | null {
  switch (scheme) {
    case "ip":
      return scheme;
    case "digest":
      return options.digestEnabled ? scheme : null;
    case "sasl":
      return options.saslEnabled ? scheme : null;
    case "x509":
      return options.x509Enabled ? scheme : null;
    case "ensemble":
      return options.ensembleEnabled ? scheme : null;
    default:
      return null;
  }
}

/** Whether an id may stand in an access list. */
export function isValidId(scheme: string | null, id: string | null, options: AuthOptions): boolean {
  const known = registered(scheme, options);
  if (known === null || id === null) return false;
  switch (known) {
    case "ip":
      return isValidRange(id);
    case "digest":
      return isDigestId(id);
    case "sasl":
      return !id.includes("@") || /^[^/@]*(\/[^/@]*)?@[^/@]*$/.test(id);
    case "x509":
      return isDistinguishedName(id);
    case "ensemble":
      return false;
  }
}

/** Whether the caller's id is the one that an access list names; both are of `scheme`. */
export function matches(
  scheme: string,
  caller: string,
  listed: string,
  options: AuthOptions,
): boolean {
  if (scheme === "ip") return isInRange(caller, listed);
  const meant = matched(scheme, caller, options);
  return meant === "all" || meant.includes(listed);
}

/** The ids of an access list that mean a caller, of a scheme that compares names; or all of them. */
export function matched(
  scheme: string,
  caller: string,
  options: AuthOptions,
): readonly string[] | "all" {
  const { letAnySaslUserDoX, x509SuperUser } = options;
  switch (registered(scheme, options)) {
    case "digest":
      return [caller];
    case "sasl":
      if (caller === "super") return "all";
      return letAnySaslUserDoX === null ? [caller] : [caller, letAnySaslUserDoX];
    case "x509":
      return caller === x509SuperUser ? "all" : [caller];
    default:
      return [];
  }
}

/** Whether ids of this scheme are what `auth` in an access list stands for. */
export function isAuthenticating(scheme: string | null, options: AuthOptions): boolean {
  const known = registered(scheme, options);
  return known === "digest" || known === "sasl" || known === "x509";
}

/**
 * The auth op: what a connection with these ids is after it. Schemes that are not registered fail,
 * and so does sasl, which has an exchange of its own.
 */
export function authenticate(
  scheme: string | null,
  auth: Uint8Array | null,
  current: readonly Id[],
  options: AuthOptions,
): Authenticated {
  const refused: Authenticated = { ok: false, ids: current };
  switch (registered(scheme, options)) {
    case "ip":
      return { ok: true, ids: current }; // the connection has had it since it was accepted
    case "digest":
      return auth === null ? refused : withIds(current, digestIds(auth, options));
    case "x509":
      return { ok: current.some((id) => id.scheme === "x509"), ids: current };
    case "ensemble":
      return { ok: isEnsembleName(auth, options), ids: current };
    case "sasl":
    case null:
      return refused;
  }
}

/** Adds ids that are not there yet. */
export function withIds(current: readonly Id[], more: readonly Id[]): Authenticated {
  const ids = [...current];
  for (const { scheme, id } of more) {
    if (!ids.some((known) => known.scheme === scheme && known.id === id)) ids.push({ scheme, id });
  }
  return { ok: true, ids };
}

/** Ids after a SASL exchange that ended with this authorization id. */
export function saslIds(authorizationId: string, options: AuthOptions): Id[] {
  const ids: Id[] = [{ scheme: "sasl", id: authorizationId }];
  if (options.saslSuperUsers.includes(authorizationId)) ids.push({ scheme: "super", id: "" });
  return ids;
}

/** Ids of a trusted client certificate with this subject, in the form of RFC 2253. */
export function x509Ids(subject: string, options: AuthOptions): Id[] {
  const ids: Id[] = [{ scheme: "x509", id: subject }];
  return subject === options.x509SuperUser ? [{ scheme: "super", id: subject }, ...ids] : ids;
}

/** Whether a connection may send requests at all (client.md 9.4). */
export function isEnough(ids: readonly Id[], options: AuthOptions): boolean {
  const enforced = options.enforcedSchemes;
  return enforced === null ||
    ids.some(({ scheme }) => scheme !== null && enforced.includes(scheme));
}

/** What must be so before a server starts with these options. Throws Fault "CONFIG". */
export function checkAuthOptions(options: AuthOptions): void {
  hashOf(options.digestAlg);
  const { enforcedSchemes } = options;
  if (enforcedSchemes === null) return;
  if (enforcedSchemes.length === 0) {
    throw new Fault("CONFIG", "authentication is enforced, but no scheme is named", {
      where: "zookeeper.enforce.auth.schemes",
      hint: "name at least one registered scheme",
    });
  }
  for (const scheme of enforcedSchemes) {
    if (registered(scheme, options) !== null) continue;
    throw new Fault("CONFIG", `authentication scheme ${scheme} is not available`, {
      where: "zookeeper.enforce.auth.schemes",
      hint: `register a provider for it, or choose of ${SCHEMES.join(", ")}`,
    });
  }
}

/** User name of an id, for whoAmI and the audit log; empty when nobody knows. */
export function userNameOf(id: Id, options: AuthOptions): string {
  const text = id.id ?? "";
  if (registered(id.scheme, options) === null) return "";
  return id.scheme === "digest" ? text.split(":", 1)[0] : text;
}

/** The id that `user:password` gives (client.md 5.5). */
export function digestIdOf(text: string, digestAlg = "SHA1"): string {
  const hash = createHash(hashOf(digestAlg)).update(Buffer.from(text, "utf8")).digest("base64");
  return `${text.split(":", 1)[0]}:${hash}`;
}

function digestIds(auth: Uint8Array, options: AuthOptions): Id[] {
  const id = digestIdOf(decodeText(auth, 0, auth.length), options.digestAlg);
  const ids: Id[] = [{ scheme: "digest", id }];
  return id === options.superDigest ? [{ scheme: "super", id: "" }, ...ids] : ids;
}

/** Exactly two parts around colons, where empty ones at the end do not count. */
function isDigestId(id: string): boolean {
  const parts = id.split(":");
  while (parts.length > 0 && parts[parts.length - 1] === "") parts.pop();
  return parts.length === 2;
}

function isEnsembleName(auth: Uint8Array | null, options: AuthOptions): boolean {
  const names = options.ensembleAuthNames;
  if (auth === null || auth.length === 0 || names === null) return true;
  return names.includes(decodeText(auth, 0, auth.length));
}

/** Our runtimes' name of a hash that Java calls `SHA1`, `SHA-256`, `SHA-512/256`, `SHA3-256`. */
function hashOf(javaName: string): string {
  const plain = javaName.toLowerCase().replace("/", "-");
  const name = plain.startsWith("sha3-") ? plain : plain.replace("sha-", "sha");
  if (getHashes().some((known) => known.toLowerCase() === name)) return name;
  throw new Fault("CONFIG", `there is no hash ${javaName}`, {
    where: "zookeeper.DigestAuthenticationProvider.digestAlg",
    hint: "SHA1, SHA-256, SHA-512, SHA3-256 are some that exist",
  });
}
