// Listens on the election links of an ensemble: which greeting and which form of notification each
// member sends to which. Read by the same code as a member's own; what that cannot read is kept too.

import { isFault } from "../../lib/base/errors.ts";
import type { Notification } from "../../lib/records/election.ts";
import {
  type InitialMessage,
  type NotificationForm,
  readInitialMessage,
  readNotification,
} from "../../lib/wire/election.ts";
import { ByteQueue, FrameSplitter, NOTIFICATION_MAX } from "../../lib/wire/frames.ts";
import type { Tap } from "./doors.ts";

export interface Greeted {
  readonly from: number;
  readonly to: number;
  readonly message: InitialMessage;
}

export interface Notified {
  readonly from: number;
  readonly to: number;
  readonly form: NotificationForm;
  readonly notification: Notification;
  /** Bytes of the payload. */
  readonly size: number;
}

export class ElectionTaps {
  readonly greetings: Greeted[] = [];
  readonly notifications: Notified[] = [];
  /** What could not be read. */
  readonly strange: string[] = [];

  /** For MixedOptions.electionTap. */
  readonly tap = (from: number, to: number): Tap => {
    const queue = new ByteQueue();
    let isGreeted = false;
    const asked = new FrameSplitter(NOTIFICATION_MAX, "", queue, 1);
    const answered = new FrameSplitter(NOTIFICATION_MAX, "", new ByteQueue(), 1);
    return {
      in: (chunk) => {
        queue.push(new Uint8Array(chunk));
        if (!isGreeted) isGreeted = this.#greeting(from, to, queue);
        if (isGreeted) this.#frames(from, to, asked);
      },
      out: (chunk) => {
        answered.push(new Uint8Array(chunk));
        this.#frames(to, from, answered);
      },
    };
  };

  #greeting(from: number, to: number, queue: ByteQueue): boolean {
    const bytes = queue.take(queue.size);
    const message = readInitialMessage(bytes);
    queue.push(typeof message === "number" ? bytes : bytes.subarray(message.size));
    if (typeof message === "number") return false;
    this.greetings.push({ from, to, message });
    return true;
  }

  #frames(from: number, to: number, frames: FrameSplitter): void {
    try {
      for (let payload = frames.next(); payload !== null; payload = frames.next()) {
        const { form, notification } = readNotification(payload);
        this.notifications.push({ from, to, form, notification, size: payload.length });
      }
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      this.strange.push(`${from} to ${to}: ${fault.message}`);
    }
  }
}
