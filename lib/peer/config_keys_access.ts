// Rows of the property keys for the AdminServer, authentication and TLS (operations.md 1.8), and the
// index of all rows. What would weaken security when passed over is refused, not ignored.

import { NAMED, NAMED_REST } from "./config_keys.ts";
import { CLIENTS, SYSTEM_REST } from "./config_keys_clients.ts";
import { SYSTEM } from "./config_keys_system.ts";
import { tlsKeys } from "./config_keys_tls.ts";
import {
  bool,
  honoured,
  ignored,
  int,
  type Key,
  list,
  long,
  name,
  oneOf,
  port,
  refused,
  text,
  yesNo,
} from "./config_values.ts";

const SUPER = { secret: true };

/** Honoured keys of administration and access: field of Config -> row. */
export const ACCESS = {
  adminEnabled: honoured("admin.enableServer", bool, true, "S", "the AdminServer over HTTP"),
  adminAddress: honoured("admin.serverAddress", text, "0.0.0.0", "S", "its bind address"),
  adminPort: honoured("admin.serverPort", port, 8080, "S", "its port"),
  adminIdleTimeoutMs: honoured(
    "admin.idleTimeout",
    int(0, 2147483647, "ms"),
    30000,
    "S",
    "close idle connections",
  ),
  adminCommandUrl: honoured("admin.commandURL", text, "/commands", "S", "path of the commands"),
  adminPortUnification: honoured(
    "admin.portUnification",
    bool,
    false,
    "S",
    "HTTP and HTTPS on one port, with the quorum key stores",
  ),
  adminForceHttps: honoured("admin.forceHttps", bool, false, "S", "HTTPS only"),
  adminNeedClientAuth: honoured(
    "admin.needClientAuth",
    bool,
    false,
    "S",
    "clients must show a certificate",
  ),
  adminSnapshotEnabled: honoured("admin.snapshot.enabled", bool, true, "S", "command snapshot"),
  adminRestoreEnabled: honoured("admin.restore.enabled", bool, true, "S", "command restore"),
  adminRateLimitIntervalMs: honoured(
    "admin.rateLimiterIntervalInMS",
    int(0, 2147483647, "ms"),
    300000,
    "S",
    "time between two snapshots or restores",
    { remark: "for snapshots Java takes the number for microseconds, and so do we" },
  ),
  adminUseForwardedFor: honoured(
    "IPAuthenticationProvider.usexforwardedfor",
    bool,
    false,
    "S",
    "trust the last X-Forwarded-For entry",
  ),
  skipAcl: honoured("skipACL", yesNo, false, "A", "no permission checks at all"),
  superUser: honoured("superUser", name, null, "A", "SASL name with super rights", {
    remark: "superUser.X lines add more",
  }),
  letAnySaslUserDoX: honoured(
    "letAnySaslUserDoX",
    name,
    null,
    "A",
    "a name that matches any SASL id",
  ),
  digestAuthEnabled: honoured(
    "DigestAuthenticationProvider.enabled",
    bool,
    true,
    "A",
    "offer the scheme digest",
  ),
  superDigest: honoured(
    "DigestAuthenticationProvider.superDigest",
    name,
    null,
    "A",
    "super user by digest: user:base64",
    SUPER,
  ),
  digestAlgorithm: honoured(
    "DigestAuthenticationProvider.digestAlg",
    oneOf("SHA1", "SHA-1", "SHA-256", "SHA-512", "SHA3-256", "MD5"),
    "SHA1",
    "A",
    "hash of digest ids; changes the ids stored in ACLs",
  ),
  x509SuperUser: honoured(
    "X509AuthenticationProvider.superUser",
    name,
    null,
    "A",
    "certificate subject with super rights",
  ),
  saslSuperPassword: honoured(
    "SASLAuthenticationProvider.superPassword",
    name,
    null,
    "S",
    "password of the DIGEST-MD5 user super",
    SUPER,
  ),
  ensembleNames: honoured(
    "ensembleAuthName",
    list,
    [],
    "A",
    "ensemble names that the scheme ensemble accepts",
  ),
  requireClientSasl: honoured(
    "sessionRequireClientSASLAuth",
    bool,
    false,
    "A",
    "= enforce.auth with the scheme sasl",
  ),
  enforceAuthEnabled: honoured(
    "enforce.auth.enabled",
    bool,
    false,
    "A",
    "close sessions that are not authenticated (-124)",
  ),
  enforceAuthSchemes: honoured("enforce.auth.schemes", list, [], "A", "any one of them suffices"),
  allowSaslFailedClients: honoured(
    "allowSaslFailedClients",
    bool,
    false,
    "A",
    "keep sessions whose SASL failed",
  ),
  saslServerContext: honoured("sasl.serverconfig", text, "Server", "S", "JAAS section"),
  jaasConfigPath: honoured(
    "java.security.auth.login.config",
    name,
    null,
    "S",
    "JAAS file with the DIGEST-MD5 users; its presence turns SASL on",
    { property: "java.security.auth.login.config" },
  ),
  removeHostFromPrincipal: honoured(
    "kerberos.removeHostFromPrincipal",
    bool,
    false,
    "A",
    "drop the host part of SASL ids",
  ),
  removeRealmFromPrincipal: honoured(
    "kerberos.removeRealmFromPrincipal",
    bool,
    false,
    "A",
    "drop the realm part of SASL ids",
  ),
  tlsAuthProvider: honoured(
    "ssl.authProvider",
    oneOf("x509"),
    "x509",
    "S",
    "scheme that a client certificate gives",
  ),
};

export const TLS = tlsKeys("ssl");
export const QUORUM_TLS = tlsKeys("ssl.quorum");

const NO_KERBEROS = "Kerberos needs native code; SASL here is DIGEST-MD5";
const NO_REVOCATION = "revocation is not checked, so a server told to check must not start";

function tlsRest(prefix: string): Key[] {
  return [
    refused(
      `${prefix}.context.supplier.class`,
      text,
      "",
      "S",
      "a Java class cannot make the TLS context here",
    ),
    refused(`${prefix}.crl`, bool, false, "S", NO_REVOCATION),
    refused(`${prefix}.ocsp`, bool, false, "S", NO_REVOCATION),
    ignored(
      `${prefix}.allowReverseDnsLookup`,
      bool,
      false,
      "S",
      "names are compared with the configured ones, never looked up by address",
    ),
  ];
}

/** Keys of administration and access without effect here, or with values that we refuse. */
export const ACCESS_REST: readonly Key[] = [
  ignored("admin.httpVersion", int(), 11, "S", "the AdminServer speaks HTTP/1.1"),
  refused("kerberos.canonicalizeHostNames", bool, false, "A", NO_KERBEROS),
  ignored("kerberos.minReLoginTimeMs", long(), 60000, "S", NO_KERBEROS),
  ignored("security.auth_to_local", text, "DEFAULT", "A", NO_KERBEROS),
  refused("requireKerberosConfig", bool, false, "S", NO_KERBEROS),
  ignored("server.realm", text, "", "S", NO_KERBEROS),
  ignored("kinit", text, "/usr/bin/kinit", "S", NO_KERBEROS),
  ignored("fips-mode", bool, true, "S", "there is no Java trust manager to switch off"),
  ignored("ssl.sslProvider", text, "JDK", "S", "TLS is the runtime's own"),
  ...tlsRest("ssl"),
  ...tlsRest("ssl.quorum"),
  ...[
    "request.timeout",
    "clientCnxnSocket",
    "client.secure",
    "disableAutoWatchReset",
    "sasl.client",
    "sasl.client.username",
    "sasl.client.canonicalize.hostname",
    "sasl.clientconfig",
    "server.principal",
    "hostProvider.dnsSrvRefreshIntervalSeconds",
    "shuffleDnsResponse",
  ].map((key) => ignored(key, text, "", "S", "a setting of clients")),
];

/** Classes of `authProvider.N` that we know, and the scheme each one stands for. */
export const AUTH_PROVIDERS: ReadonlyMap<string, string> = new Map([
  ["org.apache.zookeeper.server.auth.SASLAuthenticationProvider", "sasl"],
  ["org.apache.zookeeper.server.auth.X509AuthenticationProvider", "x509"],
  ["org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider", "ensemble"],
  ["org.apache.zookeeper.server.auth.DigestAuthenticationProvider", "digest"],
  ["org.apache.zookeeper.server.auth.IPAuthenticationProvider", "ip"],
]);

/** Honoured rows whose values are plain fields of Config. */
export const PLAIN = { ...NAMED, ...SYSTEM, ...CLIENTS, ...ACCESS };

type Rows = Readonly<Record<string, unknown>>;

/** The fields that a set of rows gives, typed by their kinds. */
export type Values<R extends Rows> = {
  readonly [F in keyof R]: R[F] extends Key<infer T> ? T : never;
};

const widen = (rows: Rows): Key[] => Object.values(rows) as Key[];

/** Every row, in the order of the documentation. */
export const KEYS: readonly Key[] = [
  ...widen(NAMED),
  ...NAMED_REST,
  ...widen(SYSTEM),
  ...widen(CLIENTS),
  ...SYSTEM_REST,
  ...widen(ACCESS),
  ...ACCESS_REST,
  ...widen(TLS),
  ...widen(QUORUM_TLS),
];

const BY_NAME: ReadonlyMap<string, Key> = new Map(KEYS.map((key) => [key.name, key]));

/** The row of a key as written in a file or an option: with or without `zookeeper.`. */
export function keyNamed(written: string): Key | null {
  const plain = BY_NAME.get(written);
  if (plain !== undefined) return plain;
  if (!written.startsWith("zookeeper.")) return null;
  return BY_NAME.get(written.slice("zookeeper.".length)) ?? null;
}

/** The known key nearest to `written` by edit distance, or null when none is near. */
export function nearestKey(
  written: string,
  known: Iterable<string> = BY_NAME.keys(),
): string | null {
  const wanted = written.toLowerCase();
  let best: string | null = null;
  let least = Math.max(2, Math.ceil(written.length / 4)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase(), least);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Insertions, removals, changes and swaps of neighbours that make `b` of `a`; `limit` when more. */
export function editDistance(a: string, b: string, limit = Infinity): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + change);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, before[j - 2] + 1);
      row.push(least);
    }
    before = last;
    last = row;
  }
  return Math.min(limit, last[b.length]);
}
