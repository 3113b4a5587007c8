// How many bytes does the next record of a stream have, and how many are still missing? Needed
// where records follow one another without a length (the learner port, quorum.md 0.3 and 6.6; the
// files of storage.md). A shape is turned once into a short list of steps; a Gauge walks them over
// what has arrived, stops where bytes end, and goes on from there when more have come: every byte
// is looked at once, however the stream was cut, and nothing is allocated by a length.

import { Fault } from "../base/errors.ts";
import { type FieldType, isShape, isVector, type Shape } from "./shape.ts";

/** A number: so many bytes. "blob": an int length and its bytes. A list: a count, then items. */
export type Step = number | "blob" | { readonly items: readonly Step[] };

/** Bytes that have arrived: what a Gauge may look at. */
export interface Peek {
  readonly size: number;
  /** Signed int at an offset; its four bytes are there. */
  intAt(offset: number): number;
}

const WIDTHS = { byte: 1, boolean: 1, int: 4, long: 8, float: 4, double: 8 } as const;

/** Steps of a shape, runs of fixed fields in one. */
export function stepsOf(shape: Shape): readonly Step[] {
  const steps: Step[] = [];
  addSteps(shape, steps);
  return steps;
}

function addSteps(type: FieldType, steps: Step[]): void {
  if (isShape(type)) {
    for (const [, field] of type.fields) addSteps(field, steps);
  } else if (isVector(type)) {
    const items: Step[] = [];
    addSteps(type.vector, items);
    steps.push({ items });
  } else if (type === "buffer" || type === "ustring") {
    steps.push("blob");
  } else {
    const last = steps[steps.length - 1];
    if (typeof last === "number") steps[steps.length - 1] = last + WIDTHS[type];
    else steps.push(WIDTHS[type]);
  }
}

interface Place {
  readonly steps: readonly Step[];
  index: number;
  /** How often the steps are still to be walked, this time included. */
  rounds: number;
}

export class Gauge {
  /** Offset up to which bytes are accounted for; the record's size once it is whole. */
  at = 0;
  readonly #limit: number;
  readonly #total: number;
  readonly #where: string;
  #places: Place[] = [];

  /** `limit`: longest single buffer or string; `total`: longest record. Both inclusive. */
  constructor(limit: number, total: number, where: string) {
    this.#limit = limit;
    this.#total = total;
    this.#where = where;
  }

  /** Turns to a new record whose first byte is at `offset`. */
  start(steps: readonly Step[], offset = 0): void {
    this.at = offset;
    this.#places = [{ steps, index: 0, rounds: 1 }];
  }

  /**
   * Bytes that are missing at the least: 0 when the record is whole.
   *
   * Faults: LENGTH for a length that cannot be.
   */
  missing(bytes: Peek): number {
    const places = this.#places;
    while (places.length > 0) {
      const place = places[places.length - 1];
      if (place.index === place.steps.length) {
        place.index = 0;
        place.rounds -= 1;
        if (place.rounds === 0) places.pop();
        continue;
      }
      const need = this.#step(bytes, place, place.steps[place.index]);
      if (this.at > this.#total) this.#tooLong();
      if (need > 0) return need;
    }
    return Math.max(0, this.at - bytes.size);
  }

  #step(bytes: Peek, place: Place, step: Step): number {
    if (typeof step === "number") {
      this.at += step;
      place.index += 1;
      return 0;
    }
    const missing = this.at + 4 - bytes.size;
    if (missing > 0) return missing;
    const length = bytes.intAt(this.at);
    if (step === "blob") {
      if (length < -1 || length > this.#limit) this.#badLength(length);
      this.at += 4 + Math.max(0, length);
    } else {
      this.at += 4;
      const [item] = step.items;
      // Fixed items need no walk, however many are claimed.
      if (step.items.length === 1 && typeof item === "number") {
        this.at += item * Math.max(0, length);
      } else if (length > 0) this.#places.push({ steps: step.items, index: 0, rounds: length });
    }
    place.index += 1;
    return 0;
  }

  #badLength(length: number): never {
    throw new Fault("LENGTH", `Unreasonable length = ${length}`, {
      where: `${this.#where}, byte ${this.at}`,
      length,
      limit: this.#limit,
    });
  }

  #tooLong(): never {
    throw new Fault("LENGTH", `a record of more than ${this.#total} bytes`, {
      where: this.#where,
      limit: this.#total,
    });
  }
}
