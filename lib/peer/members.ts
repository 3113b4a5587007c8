// The memberships a member knows, committed and last-seen, and the files that carry them from one
// start to the next. With reconfig switched off the membership is what the file said, whatever
// others say (quorum.md 8.5).
//
// Must agree with QuorumPeer.setLastSeenQuorumVerifier, setQuorumVerifier and processReconfig.

import { isFault } from "../base/errors.ts";
import { hex } from "../base/ids.ts";
import type { Disk, Trace } from "../ports.ts";
import { type Config, dynamicFileText, type Membership, parseMembership } from "./config.ts";
import { backupFileOf, dynamicFileOf, nextFileOf, staticFileText } from "./config_rewrite.ts";
import { TOLERANT } from "./dynamic_config.ts";

export class Members {
  readonly #config: Config;
  readonly #disk: Disk;
  readonly #note: Trace["note"];
  #committed: Membership;
  /** Newer than the committed one, or null. */
  #lastSeen: Membership | null;
  /** The static file as it was when it was read last. */
  #staticText: string;

  constructor(config: Config, disk: Disk, note: Trace["note"]) {
    this.#config = config;
    this.#disk = disk;
    this.#note = note;
    this.#committed = config.membership;
    const next = config.reconfigEnabled ? config.nextMembership : null;
    this.#lastSeen = next !== null && next.version > config.membership.version ? next : null;
    this.#staticText = config.configFileText;
  }

  get committed(): Membership {
    return this.#committed;
  }

  get lastSeen(): Membership | null {
    return this.#lastSeen;
  }

  /**
   * A leader's word on what is proposed. True when the last-seen membership is another one now. It
   * may be an older one, or none: whoever leads does not have the reconfig that was seen before, so
   * that has come to nothing, and must neither be needed for a quorum nor come into force later.
   */
  seen(text: string): boolean {
    const membership = this.#parse(text);
    if (membership === null) return false;
    const next = membership.version > this.#committed.version ? membership : null;
    if (next?.version === this.#lastSeen?.version) return false;
    this.#lastSeen = next;
    const { configPath } = this.#config;
    if (configPath === null) return true;
    const path = nextFileOf(configPath);
    if (next === null) this.#attempt(path, () => this.#disk.remove(path));
    else this.#write(path, dynamicFileText(next, true));
    return true;
  }

  /** A membership is committed. The one before, when that changed it; else null. */
  commit(text: string): Membership | null {
    const membership = this.#parse(text);
    if (membership === null || membership.version <= this.#committed.version) return null;
    const before = this.#committed;
    this.#committed = membership;
    const isLevel = this.#lastSeen === null || this.#lastSeen.version <= membership.version;
    if (isLevel) this.#lastSeen = null;
    this.#writeFiles(membership, isLevel);
    this.#note("info", "config", "a new membership is in force", {
      version: hex(membership.version),
      members: [...membership.members.keys()].join(","),
    });
    return before;
  }

  #parse(text: string): Membership | null {
    if (!this.#config.reconfigEnabled) return null;
    try {
      return parseMembership(text, TOLERANT);
    } catch (error) {
      if (!isFault(error)) throw error;
      // What another server says of the members is its word, and no reason to fall over.
      this.#note("warn", "config", "a membership cannot be read and is ignored", {
        why: error.message,
      });
      return null;
    }
  }

  #writeFiles(membership: Membership, removeNext: boolean): void {
    const { configPath, sid } = this.#config;
    if (configPath === null) return;
    const dynamicPath = dynamicFileOf(configPath, membership.version);
    if (!this.#write(dynamicPath, dynamicFileText(membership))) return;
    this.#readStatic(configPath);
    const backup = backupFileOf(configPath);
    const before = this.#staticText;
    this.#attempt(backup, () => {
      if (this.#disk.size(backup) === null) this.#replace(backup, before);
    });
    this.#attempt(configPath, () => {
      const text = staticFileText(before, dynamicPath, membership.members.get(sid) ?? null);
      this.#replace(configPath, text);
      this.#staticText = text;
    });
    const next = nextFileOf(configPath);
    if (removeNext) this.#attempt(next, () => this.#disk.remove(next));
  }

  /** What an operator has changed in the file since the start is for the next start, and stays. */
  #readStatic(path: string): void {
    try {
      const units = Array.from(this.#disk.read(path), (byte) => String.fromCharCode(byte));
      this.#staticText = units.join("");
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#note("warn", "config", "the configuration file cannot be read again", {
        file: path,
        why: error.message,
        hint: "it is written as it was when it was read last",
      });
    }
  }

  #write(path: string, text: string): boolean {
    return this.#attempt(path, () => this.#replace(path, text));
  }

  /** Files of the configuration are ISO-8859-1 (operations.md 1.1). */
  #replace(path: string, text: string): void {
    this.#disk.replaceNow(path, Uint8Array.from(text, (unit) => unit.charCodeAt(0) & 0xff));
  }

  /** Whether it could be done: the membership is in force all the same. */
  #attempt(path: string, change: () => void): boolean {
    try {
      change();
      return true;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#note("error", "config", "the membership could not be written to its file", {
        file: path,
        why: error.message,
        hint: "after a restart this server would start with an older membership",
      });
      return false;
    }
  }
}
