// A link without a socket: what is written to it and how it ended stay for the test to look at.

import { Buffer } from "node:buffer";
import type { Link, LinkEar } from "../../lib/ports.ts";

export class FakeLink implements Link {
  readonly remote = { host: "10.0.0.1", port: 40_000 };
  readonly local = { host: "10.0.0.2", port: 2181 };
  readonly queued = 0;
  ear: LinkEar | null = null;
  written = "";
  state = "open";

  attach(ear: LinkEar): void {
    this.ear = ear;
  }
  write(bytes: Uint8Array): boolean {
    this.written += Buffer.from(bytes).toString();
    return true;
  }
  hold(): void {}
  end(): void {
    this.state = "ended";
  }
  destroy(): void {
    this.state = "destroyed";
  }
  /** The other side sends. */
  says(text: string): void {
    this.ear?.bytes(new Uint8Array(Buffer.from(text)));
  }
}
