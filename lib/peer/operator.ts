// What operators see of this server: four-letter words and metrics, put together from the state of
// the process, of its server and of its role. Reads only; the two resets are the words' own.

import { type AdminView, FourLetterWords } from "../admin/four_letter.ts";
import { buildDate } from "../admin/java_text.ts";
import { Metrics } from "../admin/metrics.ts";
import type { PagesView } from "../admin/page_views.ts";
import type { Inspection } from "../server/inspect.ts";
import type { FlushInfo } from "../store/store.ts";
import { configText } from "./config.ts";
import { withoutSecrets } from "./config_secrets.ts";
import { memberView } from "./member_view.ts";
import type { Peer } from "./peer.ts";

/** What the machine tells; absent in the simulator. */
export interface HostFacts {
  environment(zookeeperVersion: string): Iterable<readonly [string, string]>;
  gauges(): Iterable<readonly [string, number]>;
  /** When a file was changed last, in wall-clock ms; null when there is none. */
  fileTime(path: string): number | null;
}

/** The release whose behaviour we follow: clients and monitors parse it (operations.md 2.2). */
const COMPATIBLE_WITH = "3.9.5";
/** When this version was made; Java prints the time of its build. */
const BUILT = 1_795_219_200_000;

const VERSION = `${COMPATIBLE_WITH}-zkpeer, built on ${buildDate(BUILT)} GMT`;

type Value = number | bigint | string | { readonly double: number };

export class Operator {
  readonly meters = new Metrics();
  readonly #peer: Peer;
  readonly #facts: HostFacts | null;
  readonly words: FourLetterWords;
  #slowFlushes = 0;

  constructor(peer: Peer, facts: HostFacts | null) {
    this.#peer = peer;
    this.#facts = facts;
    const { fourLetterWords, readOnlyModeEnabled } = peer.config;
    this.words = new FourLetterWords(fourLetterWords.join(","), readOnlyModeEnabled);
  }

  /** The answer to a four-letter word; `mask` only with `stmk`. */
  word(word: string, mask: bigint | null): string {
    return this.words.answer(word, mask, this.#view());
  }

  /** For the AdminServer. */
  pagesView(): PagesView {
    const { config, ensemble, store, server } = this.#peer;
    server?.core.stamp();
    return {
      ...this.#view(),
      serving: this.#serving(),
      member: ensemble === null ? null : memberView(ensemble, config),
      slowFlushes: this.#slowFlushes,
      configuration: () => this.#configuration(),
      initialConfiguration: () =>
        config.configPath === null ? null : withoutSecrets(config.configFileText),
      properties: () => this.#properties(),
      lastSnapshot: () => {
        const last = store.lastSnapshot;
        if (last === null) return null;
        const wall = this.#facts?.fileTime(last.path) ?? null;
        return wall === null ? null : { zxid: last.zxid, seconds: Math.floor(wall / 1000) };
      },
    };
  }

  flushed({ txns, millis }: FlushInfo): void {
    if (millis > this.#peer.config.fsyncWarningThresholdMs) this.#slowFlushes += 1;
    this.meters.tally("fsynctime").add(millis);
    this.meters.tally("sync_processor_batch_size").add(txns);
    this.meters.tally("sync_processor_request_queued").add(txns);
    this.meters.tally("sync_processor_queue_flush_time_ms").add(millis);
  }

  quotaExceeded(path: string): void {
    const namespace = path.split("/")[1] ?? "";
    this.meters.keyed("quota_exceeded_error_per_namespace", namespace).add(1);
  }

  /** What a server shows of itself. Kept by the server: nothing of one that is over stays here. */
  #serving(): Inspection | null {
    const { server } = this.#peer;
    if (server === null) return null;
    const view = server.inspection;
    view.onReset = () => this.#peer.ensemble?.resetProposalSizes();
    view.proposalSizes = this.#peer.ensemble?.proposalSizes ?? null;
    return view;
  }

  #view(): AdminView {
    const peer = this.#peer;
    const serving = this.#serving();
    return {
      version: VERSION,
      serving,
      metrics: this.meters,
      gauges: () => this.#gauges(serving),
      environment: () => this.#facts?.environment(VERSION) ?? [],
      settings: () => this.#settings(),
      membership: () => {
        const { ensemble } = peer;
        return ensemble === null ? null : configText(ensemble.membership);
      },
      sizes: () => {
        const { snapshots, logs } = peer.store.dirSizes();
        const { dirs } = peer.store;
        // One folder holds both: Java counts the whole of it twice, and so does every script.
        const both = dirs.snapshots === dirs.logs;
        return both
          ? { data: snapshots + logs, log: snapshots + logs }
          : { data: snapshots, log: logs };
      },
    };
  }

  *#gauges(serving: Inspection | null): Iterable<readonly [string, Value]> {
    if (serving !== null) yield* serving.gauges();
    if (this.#facts !== null) yield* this.#facts.gauges();
    const { freeBytes, isSpaceLow } = this.#peer.store;
    if (freeBytes !== null) yield ["disk_free_bytes", freeBytes];
    yield ["disk_space_low", isSpaceLow ? 1 : 0];
    const { ensemble } = this.#peer;
    if (ensemble !== null) yield* ensemble.gauges();
  }

  *#configuration(): Iterable<readonly [string, string | number]> {
    const { config, store } = this.#peer;
    yield ["client_port", config.client?.port ?? -1];
    yield ["data_dir", store.dirs.snapshots];
    yield ["data_log_dir", store.dirs.logs];
    yield ["tick_time", config.tickTimeMs];
    yield ["max_client_cnxns", config.maxClientCnxns];
    yield ["min_session_timeout", config.minSessionTimeoutMs];
    yield ["max_session_timeout", config.maxSessionTimeoutMs];
    yield ["server_id", Number(config.sid)];
    yield ["client_port_listen_backlog", config.clientPortListenBacklog];
  }

  /** What Java would have as system properties: settings that were given, and the machine's facts. */
  *#properties(): Iterable<readonly [string, string]> {
    yield* this.#facts?.environment(VERSION) ?? [];
    for (const { key, value, isSet } of this.#peer.config.effective) {
      if (isSet && key.property !== null) yield [key.property, value];
    }
  }

  *#settings(): Iterable<readonly [string, string | number]> {
    const { config, store, ensemble } = this.#peer;
    const { snapshots, logs } = store.dirSizes();
    yield ["clientPort", config.client?.port ?? -1];
    yield ["secureClientPort", config.secureClient?.port ?? -1];
    yield ["dataDir", store.dirs.snapshots];
    yield ["dataDirSize", snapshots + (store.dirs.snapshots === store.dirs.logs ? logs : 0)];
    yield ["dataLogDir", store.dirs.logs];
    yield ["dataLogSize", logs + (store.dirs.snapshots === store.dirs.logs ? snapshots : 0)];
    yield ["tickTime", config.tickTimeMs];
    yield ["maxClientCnxns", config.maxClientCnxns];
    yield ["minSessionTimeout", config.minSessionTimeoutMs];
    yield ["maxSessionTimeout", config.maxSessionTimeoutMs];
    yield ["clientPortListenBacklog", config.clientPortListenBacklog];
    yield ["serverId", String(config.sid)];
    if (ensemble === null) return;
    const own = ensemble.membership.members.get(config.sid);
    yield ["initLimit", config.initLimitTicks];
    yield ["syncLimit", config.syncLimitTicks];
    yield ["electionAlg", config.electionAlg];
    yield ["electionPort", own?.addresses[0]?.electionPort ?? -1];
    yield ["quorumPort", own?.addresses[0]?.quorumPort ?? -1];
    yield ["peerType", own?.role === "observer" ? 1 : 0];
  }
}
