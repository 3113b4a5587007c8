// Colours for people at terminals: never into a pipe or file, never with NO_COLOR set, always with
// FORCE_COLOR set (and not 0).

import type { CliIo } from "./io.ts";

export type Paint = (text: string) => string;

export interface Colours {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly blue: Paint;
  readonly magenta: Paint;
  readonly cyan: Paint;
}

const code = (open: number, close: number): Paint => (text) => `\x1b[${open}m${text}\x1b[${close}m`;
const plain: Paint = (text) => text;

const PAINTED: Colours = {
  bold: code(1, 22),
  dim: code(2, 22),
  red: code(31, 39),
  green: code(32, 39),
  yellow: code(33, 39),
  blue: code(34, 39),
  magenta: code(35, 39),
  cyan: code(36, 39),
};

const PLAIN: Colours = {
  bold: plain,
  dim: plain,
  red: plain,
  green: plain,
  yellow: plain,
  blue: plain,
  magenta: plain,
  cyan: plain,
};

/** The colours to use on one of the two streams. */
export function coloursFor(
  io: Pick<CliIo, "env" | "isTerminal">,
  stream: "stdout" | "stderr",
): Colours {
  const { NO_COLOR, FORCE_COLOR, TERM } = io.env;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return PLAIN;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "" && FORCE_COLOR !== "0") return PAINTED;
  return io.isTerminal[stream] && TERM !== "dumb" ? PAINTED : PLAIN;
}
