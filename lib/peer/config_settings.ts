// Entries into typed settings by the rows of the key table, and the rules about single settings and
// pairs of them (operations.md 1.7). Membership is config_membership.ts's.

import type { Entry, Report } from "./config_entries.ts";
import { METRICS_PROVIDERS } from "./config_keys.ts";
import { AUTH_PROVIDERS, keyNamed, KEYS, type PLAIN, type Values } from "./config_keys_access.ts";
import { type Key, shown } from "./config_values.ts";

/** One setting as it will be, for `--check-config` and the admin pages. */
export interface Effective {
  readonly key: Key;
  /** As an operator would write it; secrets are `***`. */
  readonly value: string;
  /** "zoo.cfg:12", "--set", "ZKPEER_TICKTIME" or "default". */
  readonly source: string;
  /** Whether it differs from the default. */
  readonly isSet: boolean;
}

/** Reads rows out of the entries; remembers what was made of each. */
export class SettingReader {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #report: Report;
  readonly #made = new Map<string, unknown>();

  constructor(entries: ReadonlyMap<string, Entry>, report: Report) {
    this.#entries = entries;
    this.#report = report;
  }

  /** The fields of `rows`: given values where they are good, defaults elsewhere. */
  read<R extends Readonly<Record<string, unknown>>>(rows: R): Values<R> {
    const values: Record<string, unknown> = {};
    for (const [field, row] of Object.entries(rows)) values[field] = this.#settle(row as Key);
    return values as Values<R>;
  }

  /** Complains of values of keys that are not honoured: bad ones, and refused ones. */
  judgeRest(): void {
    for (const key of KEYS) {
      if (key.verdict === "honoured") continue;
      const entry = this.#entries.get(key.name);
      if (entry === undefined) continue;
      const value = key.kind.schema.safeParse(entry.value);
      if (!value.success) this.#refuse(key);
      else this.#made.set(key.name, value.data);
      if (key.verdict !== "refused" || !value.success || value.data === key.fallback) continue;
      this.#report.error(
        key.name,
        entry.where,
        `${key.name}=${entry.value} is not offered`,
        key.remark,
      );
    }
  }

  /** Where the value of a key was written, or null when it is the default. */
  where(name: string): string | null {
    return this.#entries.get(name)?.where ?? null;
  }

  effective(): Effective[] {
    return KEYS.map((key) => {
      const entry = this.#entries.get(key.name);
      const made = this.#made.has(key.name) ? this.#made.get(key.name) : key.fallback;
      const isSet = entry !== undefined;
      const value = isSet || key.fallbackText === null ? shown(key, made) : key.fallbackText;
      return { key, value, source: entry?.where ?? "default", isSet };
    });
  }

  /** Of each key by itself: a schema over a whole table costs more than all that it would read. */
  #settle(key: Key): unknown {
    const entry = this.#entries.get(key.name);
    if (entry === undefined) return key.fallback;
    const outcome = key.kind.schema.safeParse(entry.value);
    if (!outcome.success) {
      this.#refuse(key);
      return key.fallback;
    }
    let value: unknown = outcome.data;
    const adjusted = key.adjust?.(value) ?? null;
    if (adjusted !== null) {
      value = adjusted.value;
      this.#report.warn(
        key.name,
        entry.where,
        `${adjusted.why}; ${key.name}=${entry.value} counts as ${String(value)}`,
      );
    }
    this.#made.set(key.name, value);
    return value;
  }

  #refuse(key: Key): void {
    const entry = this.#entries.get(key.name);
    if (entry === undefined) return;
    this.#report.error(
      key.name,
      entry.where,
      `${refusal(key, entry.value)} (${key.name}=${entry.value})`,
      `allowed: ${key.kind.allowed}`,
    );
  }
}

/** The fragment that Java's own complaint of this kind of value has (operations.md 1.7). */
function refusal(key: Key, value: string): string {
  if (key.name === "tickTime" && /^0+$/.test(value)) return "tickTime is not set";
  if (key.kind.allowed === "true or false") return `Invalid option ${value} for ${key.name}`;
  return `For input string: "${value}"`;
}

export type Plain = Values<typeof PLAIN>;

/** Rules about single settings and pairs of them. */
export function checkSettings(plain: Plain, values: SettingReader, report: Report): void {
  if (plain.electionAlg !== 3) {
    report.error(
      "electionAlg",
      values.where("electionAlg"),
      `Invalid electionAlg value ${plain.electionAlg}. Only 3 is supported`,
    );
  }
  if (!/^(participant|observer)$/i.test(plain.peerType)) {
    report.error(
      "peerType",
      values.where("peerType"),
      `Unrecognised peertype: ${plain.peerType}`,
      "allowed: participant, observer",
    );
  }
  if (!METRICS_PROVIDERS.has(plain.metricsProviderClass)) {
    report.error(
      "metricsProvider.className",
      values.where("metricsProvider.className"),
      `metrics provider class was not found: ${plain.metricsProviderClass}`,
      `allowed: ${[...METRICS_PROVIDERS.keys()].join(", ")}`,
    );
  }
  checkSasl(plain, values, report);
  if (plain.enforceAuthEnabled && plain.enforceAuthSchemes.length === 0) {
    report.error(
      "enforce.auth.enabled",
      values.where("enforce.auth.enabled"),
      "enforce.auth.schemes must be configured when enforce.auth.enabled is true",
    );
  }
  for (const scheme of plain.enforceAuthEnabled ? plain.enforceAuthSchemes : []) {
    if (["ip", "digest", "x509", "sasl", "ensemble", "world"].includes(scheme)) continue;
    report.error(
      "enforce.auth.schemes",
      values.where("enforce.auth.schemes"),
      `Authentication scheme ${scheme} is not available`,
    );
  }
  if (!plain.forceSync) {
    report.warn(
      "forceSync",
      values.where("forceSync"),
      "acknowledged writes can be lost when this machine loses power",
    );
  }
}

function checkSasl(plain: Plain, values: SettingReader, report: Report): void {
  const on = "quorum.auth.enableSasl";
  const server = "quorum.auth.serverRequireSasl";
  const learner = "quorum.auth.learnerRequireSasl";
  const complain = (off: string, wanted: string): void =>
    report.error(wanted, values.where(wanted), `${off} is disabled, so cannot enable ${wanted}`);
  if (!plain.quorumSaslEnabled && plain.quorumServerRequireSasl) complain(on, server);
  if (!plain.quorumSaslEnabled && plain.quorumLearnerRequireSasl) complain(on, learner);
  if (!plain.quorumLearnerRequireSasl && plain.quorumServerRequireSasl) complain(learner, server);
}

export interface Leftovers {
  /** `metricsProvider.*` without the prefix. */
  readonly metricsSettings: ReadonlyMap<string, string>;
  /** Schemes named by `authProvider.N` lines. */
  readonly authSchemes: ReadonlySet<string>;
  /** `superUser` and `superUser.X`. */
  readonly superUsers: ReadonlySet<string>;
  /** Keys that are nobody's, by the name of the Java property each one would become. */
  readonly passedThrough: ReadonlyMap<string, string>;
}

/** Keys outside the table that have a meaning by their prefix, and those that have none. */
export function leftovers(
  entries: ReadonlyMap<string, Entry>,
  report: Report,
): Leftovers {
  const metricsSettings = new Map<string, string>();
  const authSchemes = new Set<string>();
  const superUsers = new Set<string>();
  const passedThrough = new Map<string, string>();
  for (const entry of entries.values()) {
    const { key, value, where } = entry;
    if (key === "superUser") superUsers.add(value);
    if (keyNamed(key) !== null || key.startsWith("server.")) continue;
    if (key.startsWith("metricsProvider.")) {
      metricsSettings.set(key.slice("metricsProvider.".length), value);
    } else if (key.startsWith("superUser.")) {
      superUsers.add(value);
    } else if (key.startsWith("authProvider.")) {
      const scheme = AUTH_PROVIDERS.get(value);
      if (scheme !== undefined) authSchemes.add(scheme);
      else {
        report.error(
          key,
          where,
          `authentication provider ${value} is not available`,
          `allowed: ${[...AUTH_PROVIDERS.keys()].join(", ")}`,
        );
      }
    } else if (!key.startsWith("group") && !key.startsWith("weight")) {
      passedThrough.set(`zookeeper.${key}`, value);
    }
  }
  return { metricsSettings, authSchemes, superUsers, passedThrough };
}

/** `srvr` is always answered, `isro` where read-only mode is on; `*` stands for all. */
export function whitelist(words: readonly string[], readOnlyMode: boolean): readonly string[] {
  const all = new Set([...words, "srvr", ...(readOnlyMode ? ["isro"] : [])]);
  return Object.freeze([...all]);
}
