// The shortest role: one server that orders its own writes. A request is prepared and appended at
// once; what the disk has made durable is committed, in order.
//
//   submit --> Prepare --> append ... durable(zxid) --> Server.committed
//
// Must agree with Java's chain Prep, Sync, Final.

import { assert } from "../base/assert.ts";
import { Deque } from "../base/deque.ts";
import type { Zxid } from "../base/ids.ts";
import type { Instant } from "../ports.ts";
import type { Txn } from "../txn/txn.ts";
import type { PrepareFace } from "./faces.ts";
import type { Backend, Request } from "./request.ts";

export interface StandaloneDeps {
  readonly prepare: PrepareFace;
  /** Hands a txn to the log; `durable` tells when it is safe. */
  readonly append: (txn: Txn) => void;
  readonly committed: (txn: Txn) => void;
  readonly now: () => Instant;
}

export class Standalone implements Backend {
  readonly role = "standalone";
  readonly #deps: StandaloneDeps;
  readonly #proposed = new Deque<Txn>();
  #durable: Zxid = -1n;
  #isCommitting = false;

  constructor(deps: StandaloneDeps) {
    this.#deps = deps;
  }

  /** Txns that are appended and not committed yet. */
  get outstanding(): number {
    return this.#proposed.size;
  }

  submit(request: Request): void {
    const txn = this.#deps.prepare.prepare(request, this.#deps.now());
    this.#proposed.push(txn);
    this.#deps.append(txn);
  }

  /** Everything up to this zxid is on disk. */
  durable(upTo: Zxid): void {
    if (upTo > this.#durable) this.#durable = upTo;
    if (this.#isCommitting) return; // a reply let a waiting request in; the loop below goes on
    this.#isCommitting = true;
    for (;;) {
      const txn = this.#proposed.first();
      if (txn === undefined || txn.header.zxid > this.#durable) break;
      this.#proposed.shift();
      this.#deps.committed(txn);
      this.#deps.prepare.applied(txn.header.zxid);
    }
    this.#isCommitting = false;
  }

  revalidate(): void {
    assert(false, "a standalone server knows its sessions");
  }

  sync(): void {
    assert(false, "a standalone server answers syncs itself");
  }
}
