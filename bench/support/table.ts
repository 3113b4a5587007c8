// Figures of rounds made into rows, and rows into text that fits a terminal.

/** What is expected: a ratio ours/Java, or a value of ours whatever Java's is; null for nothing. */
export type Expected =
  | { readonly atLeast: number }
  | { readonly atMost: number }
  | { readonly value: number }
  | null;

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly expected: Expected;
  readonly zkpeer: number;
  readonly java: number;
  readonly ratio: number;
  /** Processor time of ours for the same work, in terms of Java's. */
  readonly processorRatio: number | null;
  readonly isMet: boolean | null;
}

export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The figures of both in the order of the rounds. */
export function rowOf(
  facts: Pick<Row, "name" | "title" | "unit" | "expected">,
  ours: readonly number[],
  theirs: readonly number[],
): Row {
  const { name, title, unit, expected } = facts;
  const zkpeer = median(ours);
  const ratio = median(ours.map((figure, i) => figure / theirs[i]));
  const isMet = isMetBy(expected, ratio, zkpeer);
  return {
    name,
    title,
    unit,
    expected,
    zkpeer,
    java: median(theirs),
    ratio,
    processorRatio: null,
    isMet,
  };
}

function isMetBy(expected: Expected, ratio: number, value: number): boolean | null {
  if (expected === null) return null;
  if ("atLeast" in expected) return ratio >= expected.atLeast;
  if ("atMost" in expected) return ratio <= expected.atMost;
  return value <= expected.value;
}

export function tableOf(rows: readonly Row[]): string {
  const head = ["", "zkpeer", "Java", "", "ratio", "CPU", "expected", ""];
  const lines = rows.map((row) => [
    row.title,
    numeral(row.zkpeer),
    numeral(row.java),
    row.unit,
    row.ratio.toFixed(2),
    row.processorRatio?.toFixed(2) ?? "",
    expectedText(row.expected, row.unit),
    row.isMet === null ? "" : row.isMet ? "met" : "MISSED",
  ]);
  const all = [head, ...lines];
  const widths = head.map((_, i) => Math.max(...all.map((line) => line[i].length)));
  const isRight = [false, true, true, false, true, true, false, false];
  return all.map((line) =>
    line.map((cell, i) => isRight[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))
      .join("  ").trimEnd() + "\n"
  ).join("");
}

const numeral = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(value >= 10 ? 1 : 2);

function expectedText(expected: Expected, unit: string): string {
  if (expected === null) return "";
  if ("atLeast" in expected) return `≥ ${expected.atLeast}`;
  if ("atMost" in expected) return `≤ ${expected.atMost}`;
  return `≤ ${expected.value} ${unit}`;
}
