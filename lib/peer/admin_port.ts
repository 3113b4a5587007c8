// The AdminServer of one process (operations.md 3): hands requests to the pages, and carries out what
// these order: snapshots to a file or a stream, restores, shedding of connections. Runs from before
// the first role to the end of the process.
//
// Must agree with Java's JettyAdminServer and the commands snapshot, restore and shed_connections.

import { fields, jsonText } from "../admin/json.ts";
import { AdminPages, done, failed, type Page } from "../admin/pages.ts";
import { Fault, isFault } from "../base/errors.ts";
import { hex } from "../base/ids.ts";
import type { Address, Clock, Closable, Disk, Http, HttpExchange, Trace } from "../ports.ts";
import type { SnapshotInfo } from "../store/store.ts";
import type { Peer } from "./peer.ts";
import { removeUploads, Upload } from "./restore.ts";
import { adminPagesOptions, treeOptions } from "./settings.ts";

export interface AdminPorts {
  readonly http: Http;
  readonly disk: Disk;
  readonly note: Trace["note"];
  newClock(): Clock;
}

export interface AdminEars {
  bound(at: Address): void;
  /** The port cannot be had. */
  failed(fault: Fault): void;
}

/** Read and written in one go of a snapshot that streams. */
const SLICE_BYTES = 256 << 10;
/** A body that is not a snapshot. */
const SMALL_BODY_MAX = 64 << 10;

export class AdminPort {
  readonly #ports: AdminPorts;
  readonly #peer: Peer;
  readonly #ears: AdminEars;
  readonly #clock: Clock;
  readonly #pages: AdminPages;
  #listener: Closable | null = null;
  #isRestoring = false;

  constructor(ports: AdminPorts, peer: Peer, ears: AdminEars) {
    this.#ports = ports;
    this.#peer = peer;
    this.#ears = ears;
    this.#clock = ports.newClock();
    const now = this.#clock.now().mono;
    this.#pages = new AdminPages(adminPagesOptions(peer.config), peer.operator.words, now);
  }

  listen(): void {
    const { config } = this.#peer;
    removeUploads(this.#ports.disk, this.#peer.store.dirs.snapshots);
    const at = { host: config.adminAddress, port: config.adminPort };
    this.#listener = this.#ports.http.listen(
      at,
      (exchange) => this.#asked(exchange),
      (bound) => {
        if (this.#listener === null) return;
        if (!(bound instanceof Fault)) return this.#ears.bound(bound);
        this.#ears.failed(
          new Fault(bound.code, "the AdminServer cannot listen", {
            where: `${at.host}:${at.port}, command URL ${config.adminCommandUrl}`,
            cause: bound,
            hint: "set admin.serverPort to a free port, or admin.enableServer=false",
          }),
        );
      },
      { idleMs: config.adminIdleTimeoutMs },
    );
  }

  close(): void {
    this.#listener?.close();
    this.#listener = null;
  }

  #asked(exchange: HttpExchange): void {
    const { method, target, headers, remote } = exchange;
    const request = { method, target, headers, remote: remote.host };
    const view = this.#peer.operator.pagesView();
    const page = this.#pages.answer(request, view, this.#clock.now().mono);
    switch (page.kind) {
      case "snapshot":
        return this.#snapshot(exchange, page.streams);
      case "restore":
        return this.#restore(exchange);
      case "shed":
        return this.#shed(exchange);
      default:
        return send(exchange, page);
    }
  }

  // ---- snapshot -----------------------------------------------------------------------------------

  #snapshot(exchange: HttpExchange, streams: boolean): void {
    const { store, operator } = this.#peer;
    let isGone = false;
    exchange.onGone = () => isGone = true;
    store.takeSnapshot(false, (result) => {
      if (result instanceof Fault) {
        operator.meters.tally("snapshot_error_count").add(1);
        this.#ports.note("warn", "admin", "no snapshot was taken", { why: result.message });
        const status = result.code === "DISK_FULL" ? 507 : 500;
        return send(exchange, failed(status, "snapshot", result.message));
      }
      const facts = { last_zxid: hex(result.zxid), snapshot_size: String(result.size) };
      // Whoever is gone takes all at once: the whole file would be read for nobody, in one go.
      if (isGone) return;
      if (streams && exchange.method !== "HEAD") return this.#stream(exchange, result, facts);
      send(exchange, done("snapshot", fields()), facts);
    });
  }

  /** The file as it stands on disk, a slice whenever there is room for one. */
  #stream(exchange: HttpExchange, file: SnapshotInfo, facts: Record<string, string>): void {
    let at = 0;
    let isGone = false;
    const pump = (): void => {
      while (!isGone && at < file.size) {
        let bytes: Uint8Array;
        try {
          bytes = this.#ports.disk.read(file.path, at, Math.min(SLICE_BYTES, file.size - at));
        } catch (error) {
          if (!isFault(error)) throw error;
          bytes = new Uint8Array(0);
        }
        if (bytes.length === 0) {
          // Purged meanwhile, or the disk failed: the other side must not take it for whole.
          this.#ports.note("warn", "admin", "a snapshot that was streaming cannot be read", {
            file: file.path,
            at,
          });
          return exchange.destroy();
        }
        at += bytes.length;
        if (!exchange.write(bytes)) return;
      }
      if (!isGone) exchange.end();
    };
    exchange.onDrained = pump;
    exchange.onGone = () => isGone = true;
    exchange.answer(200, {
      ...facts,
      "content-type": "application/octet-stream",
      "content-length": String(file.size),
    });
    pump();
  }

  // ---- restore ------------------------------------------------------------------------------------

  #restore(exchange: HttpExchange): void {
    const { store, config, operator } = this.#peer;
    const { disk, note, newClock } = this.#ports;
    if (this.#isRestoring) {
      return send(exchange, failed(409, "restore", "another restore is under way"));
    }
    this.#isRestoring = true;
    const began = this.#clock.now().mono;
    const refuse = (fault: Fault): void => {
      this.#isRestoring = false;
      operator.meters.tally("restore_error_count").add(1);
      note("warn", "admin", "no database was restored", { why: fault.message });
      const isTheirs = ["SHORT", "LENGTH", "BAD_MAGIC", "CHECKSUM", "CORRUPT", "TRAILING"]
        .includes(fault.code);
      const status = isTheirs ? 400 : fault.code === "DISK_FULL" ? 507 : 500;
      send(exchange, failed(status, "restore", fault.message));
    };
    const upload = new Upload(
      { disk, clock: newClock() },
      store.dirs.snapshots,
      store.reserveBytes,
      treeOptions(config, note),
      {
        hold: (on) => exchange.hold(on),
        failed: refuse,
        loaded: ({ tree, zxid }) => {
          const before = this.#peer.tree?.lastZxid ?? null;
          const { nodeCount } = tree;
          this.#peer.restore(tree, zxid, (result) => {
            if (result instanceof Fault) return refuse(result);
            this.#isRestoring = false;
            operator.meters.tally("restore_time").add(this.#clock.now().mono - began);
            note("warn", "admin", "another database was restored", {
              taken: hex(zxid),
              from: before === null ? null : hex(before),
              to: hex(result),
              znodes: nodeCount,
              sessions: tree.sessions.size,
            });
            send(exchange, done("restore", fields(["last_zxid", result])));
          });
        },
      },
    );
    exchange.onGone = () => {
      // Once the tree is loaded it is put in place, whoever hears of it.
      if (upload.cancel()) this.#isRestoring = false;
    };
    exchange.receive({
      bytes: (chunk) => upload.bytes(chunk),
      ended: () => upload.ended(),
      broken: () => {
        if (upload.cancel()) this.#isRestoring = false;
      },
    });
  }

  // ---- shed_connections ---------------------------------------------------------------------------

  #shed(exchange: HttpExchange): void {
    const refuse = (error: string): void => send(exchange, failed(400, "shed_connections", error));
    smallBody(exchange, (text) => {
      const percentage = text === null ? null : percentageOf(text);
      if (percentage === null) return refuse("Invalid JSON or failed to read request body");
      if (percentage === undefined) return refuse("Missing required field: percentage");
      if (percentage < 0 || percentage > 100) {
        return refuse("Percentage must be between 0 and 100");
      }
      const shed = this.#peer.shed(percentage);
      this.#ports.note("info", "admin", "connections were shed", { shed, percentage });
      const page = fields(["connections_shed", shed], ["percentage_requested", percentage]);
      send(exchange, done("shed_connections", page));
    });
  }
}

/** A whole number; undefined when there is none, null when the text is no JSON. */
function percentageOf(text: string): number | undefined | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("percentage" in value)) return undefined;
    return Math.trunc(Number(value.percentage)) || 0; // what is no number is 0 to Java's reader
  } catch {
    return null; // only JSON.parse throws here
  }
}

/** A body as text; null when it is too long or broken off. */
function smallBody(exchange: HttpExchange, use: (text: string | null) => void): void {
  const chunks: Uint8Array[] = [];
  let size = 0;
  exchange.receive({
    bytes: (chunk) => {
      size += chunk.length;
      if (size <= SMALL_BODY_MAX) chunks.push(chunk);
    },
    ended: () => {
      if (size > SMALL_BODY_MAX) return use(null);
      const whole = new Uint8Array(size);
      let at = 0;
      for (const chunk of chunks) {
        whole.set(chunk, at);
        at += chunk.length;
      }
      use(new TextDecoder().decode(whole));
    },
    broken: () => {},
  });
}

function send(
  exchange: HttpExchange,
  page: Page,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (page.kind !== "json" && page.kind !== "text") return;
  const isJson = page.kind === "json";
  const bytes = new TextEncoder().encode(isJson ? jsonText(page.body) : page.text);
  exchange.answer(page.status, {
    ...headers,
    ...(page.status === 405 || exchange.method === "OPTIONS" ? { allow: "GET, HEAD, POST" } : {}),
    "content-type": isJson ? "application/json" : page.type,
    "content-length": String(bytes.length),
    "cache-control": "no-store",
  });
  exchange.write(bytes);
  exchange.end();
}
