// What the store is told: settings under their names in Config (lib/peer/config.ts), so that a
// Config can be handed in as it is. Meaning and defaults: storage.md 12.

import type { Clock, Disk, Random, Trace } from "../ports.ts";

export interface StoreOptions {
  readonly dataDir: string;
  readonly dataLogDir: string;
  readonly dataDirAutocreate: boolean;
  readonly dbAutocreate: boolean;
  readonly snapshotTrustEmpty: boolean;
  readonly snapshotCompression: "" | "gz" | "snappy";
  readonly serializeLastProcessedZxid: boolean;
  readonly digestEnabled: boolean;
  readonly snapCount: number;
  readonly snapSizeLimitKb: number;
  readonly preAllocSizeKb: number;
  readonly txnLogSizeLimitKb: number;
  readonly forceSync: boolean;
  readonly fsyncWarningThresholdMs: number;
  readonly flushDelayMs: number;
  readonly maxBatchSize: number;
  readonly commitLogCount: number;
  readonly snapshotSizeFactor: number;
  /** Start over holes in the log as Java before 3.9.4 did. */
  readonly allowDiscontinuousProposals?: boolean;
  /** With less free space than this (KiB) the store says that writes should be refused; 0: never. */
  readonly diskReserveKb?: number;
}

export const storeDefaults = {
  dataDirAutocreate: true,
  dbAutocreate: true,
  snapshotTrustEmpty: false,
  snapshotCompression: "",
  serializeLastProcessedZxid: true,
  digestEnabled: true,
  snapCount: 100_000,
  snapSizeLimitKb: 4_194_304,
  preAllocSizeKb: 65_536,
  txnLogSizeLimitKb: -1,
  forceSync: true,
  fsyncWarningThresholdMs: 1000,
  flushDelayMs: 0,
  maxBatchSize: 1000,
  commitLogCount: 500,
  snapshotSizeFactor: 0.33,
} as const satisfies Omit<StoreOptions, "dataDir" | "dataLogDir">;

export interface StorePorts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly note: Trace["note"];
}
