// A client session on one link at a time: dials, hands bytes over both ways, writes once per turn,
// pings when the session says so, and drops a link on which nothing is heard. Which server comes
// next, and when, is the owner's to say.

import { Fault } from "../base/errors.ts";
import type { Address, Clock, Closable, Link, Millis, Network } from "../ports.ts";
import type { ClientSession } from "./session.ts";

/** Why there is no link: closed by either side, nothing heard, no connection, bytes that cannot be. */
export type LinkLoss = "closed" | "silent" | "unreachable" | "nonsense";

export interface SessionLinkEars {
  /** There is no link any more, or none could be had. */
  lost(why: LinkLoss, fault: Fault | null): void;
}

export class SessionLink {
  #session: ClientSession;
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #ears: SessionLinkEars;
  #link: Link | null = null;
  #dialling: Closable | null = null;
  #isFlushDue = false;
  #isOver = false;

  /** `clock` must be this link's own: it has one alarm. */
  constructor(
    ports: { readonly network: Network; readonly clock: Clock },
    session: ClientSession,
    ears: SessionLinkEars,
  ) {
    this.#network = ports.network;
    this.#clock = ports.clock;
    this.#session = session;
    this.#ears = ears;
  }

  /** There is no link and no try under way. */
  get isIdle(): boolean {
    return !this.#isOver && this.#dialling === null && this.#link === null;
  }

  /** Does nothing unless {@link isIdle}. */
  dial(to: Address, within: Millis): void {
    if (!this.isIdle) return;
    this.#dialling = this.#network.dial(to, within, (link) => {
      this.#dialling = null;
      if (link instanceof Fault) return this.#ears.lost("unreachable", link);
      this.#link = link;
      link.attach({
        bytes: (chunk) => this.#bytes(link, chunk),
        drained: () => {},
        closed: (fault) => this.#lost(link, "closed", fault),
      });
      this.#session.linked(this.#clock.now());
      this.flush();
    });
  }

  /** Sends what the session has to say; once for all that is asked in this turn. */
  flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#clock.soon(() => {
      this.#isFlushDue = false;
      this.flush();
    });
  }

  flush(): void {
    const bytes = this.#session.take();
    if (bytes !== null) this.#link?.write(bytes);
    const { deadline } = this.#session;
    if (deadline === null) return;
    this.#clock.wakeAt(deadline, () => {
      if (this.#link === null) return;
      if (this.#session.tick(this.#clock.now())) this.flush();
      else this.#drop("silent", null);
    });
  }

  /** Closes the link without a word; `lost` is told. */
  drop(): void {
    this.#drop("closed", null);
  }

  /** Sends what is left and closes; `lost` is not told. The next link is another session's. */
  renew(session: ClientSession): void {
    const link = this.#link;
    this.#link = null;
    link?.end();
    this.#session = session;
  }

  /** Sends what is left and closes; `lost` is not told, and there is no link hereafter. */
  end(): void {
    this.#over();
    this.#link?.end();
  }

  /** Vanishes as a dead process does; `lost` is not told, and there is no link hereafter. */
  abandon(): void {
    this.#over();
    this.#link?.destroy();
    this.#link = null;
    this.#session.unlinked();
  }

  /** Nothing of this holds up the end of the process: a dial that nobody answers may take long. */
  #over(): void {
    this.#isOver = true;
    this.#clock.wakeAt(null, () => {});
    this.#dialling?.close();
  }

  #bytes(link: Link, chunk: Uint8Array): void {
    if (this.#link !== link) return;
    try {
      this.#session.bytes(chunk, this.#clock.now());
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return this.#drop("nonsense", error);
    }
    this.flush();
  }

  #drop(why: LinkLoss, fault: Fault | null): void {
    const link = this.#link;
    if (link === null) return;
    link.destroy();
    this.#lost(link, why, fault);
  }

  #lost(link: Link, why: LinkLoss, fault: Fault | null): void {
    if (this.#link !== link || this.#isOver) return;
    this.#link = null;
    this.#session.unlinked();
    this.#ears.lost(why, fault);
  }
}
