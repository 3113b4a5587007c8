// Java Properties text into entries: the syntax of zoo.cfg and of every membership text. Must agree
// with java.util.Properties.load (operations.md 1.1). Knows nothing of keys; remembers the lines, so
// that a complaint can name one, and keeps every duplicate, so that somebody can warn of it.

import { Fault } from "../base/errors.ts";

export interface Property {
  readonly key: string;
  readonly value: string;
  /** Line of the text on which the entry starts, from 1. */
  readonly line: number;
}

const BLANK = /[ \t\f]/;

/** An entry with the last of the lines that it goes over. */
export interface PropertyLines extends Property {
  readonly lastLine: number;
}

/**
 * The entries of `text` in their order, keys and values trimmed as ZooKeeper trims them. Of equal
 * keys the last one counts; all are given. Faults with CONFIG on a malformed `\u` escape.
 *
 * A file must be decoded as ISO-8859-1 before (that is what Java does), text from the wire is text.
 */
export function parseProperties(text: string): readonly PropertyLines[] {
  const properties: PropertyLines[] = [];
  for (const { content, line, lastLine } of logicalLines(text)) {
    const { keyEnd, valueStart } = cut(content);
    properties.push({
      key: javaTrim(unescape(content.slice(0, keyEnd), line)),
      value: javaTrim(unescape(content.slice(valueStart), line)),
      line,
      lastLine,
    });
  }
  return properties;
}

/** The entries that count: of equal keys the last, in the order of their first appearance. */
export function lastOfEach(properties: readonly Property[]): ReadonlyMap<string, Property> {
  const last = new Map<string, Property>();
  for (const property of properties) last.set(property.key, property);
  return last;
}

/** `text` as a value that reads back as itself, in characters that ISO-8859-1 has. */
export function escapeValue(text: string): string {
  return text
    .replaceAll("\\", "\\\\")
    .replace(/^ /, "\\ ")
    .replace(/[^\x20-\x7e\xa0-\xff]/g, (char) => {
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
}

/** Lines joined at trailing backslashes, without comments, blank lines and leading blanks. */
function* logicalLines(
  text: string,
): Generator<{ content: string; line: number; lastLine: number }> {
  const natural = text.split(/\r\n|\r|\n/);
  for (let at = 0; at < natural.length; at++) {
    const line = at + 1;
    let content = withoutIndent(natural[at]);
    if (content.startsWith("#") || content.startsWith("!")) continue;
    while (continues(content)) {
      content = content.slice(0, -1);
      // A lone backslash is a blank line: what follows begins anew and may be a comment.
      if (content === "" || at + 1 >= natural.length) break;
      at += 1;
      content += withoutIndent(natural[at]);
    }
    const lastLine = Math.min(at, natural.length - 1) + 1;
    if (content !== "") yield { content, line, lastLine };
  }
}

/** Java's String.trim: everything up to a blank goes, other kinds of white space stay. */
function javaTrim(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what Java trims
  return text.replace(/^[\u0000- ]+|[\u0000- ]+$/g, "");
}

function withoutIndent(text: string): string {
  return text.replace(/^[ \t\f]+/, "");
}

/** True when `text` ends with an odd number of backslashes. */
function continues(text: string): boolean {
  const tail = /\\+$/.exec(text);
  return tail !== null && tail[0].length % 2 === 1;
}

/** Where the key ends (unescaped `=`, `:` or blank) and where the value starts. */
function cut(content: string): { keyEnd: number; valueStart: number } {
  let at = 0;
  while (at < content.length) {
    const char = content[at];
    if (char === "\\") at += 1;
    else if (char === "=" || char === ":" || BLANK.test(char)) break;
    at += 1;
  }
  const keyEnd = Math.min(at, content.length);
  let start = keyEnd;
  while (start < content.length && BLANK.test(content[start])) start += 1;
  if (content[start] === "=" || content[start] === ":") start += 1;
  while (start < content.length && BLANK.test(content[start])) start += 1;
  return { keyEnd, valueStart: start };
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", r: "\r", n: "\n", f: "\f" };

function unescape(text: string, line: number): string {
  if (!text.includes("\\")) return text;
  let plain = "";
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "\\") {
      plain += text[at];
      continue;
    }
    at += 1;
    if (at >= text.length) break;
    if (text[at] !== "u") {
      plain += ESCAPES[text[at]] ?? text[at];
      continue;
    }
    const digits = text.slice(at + 1, at + 5);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) {
      throw new Fault("CONFIG", `Malformed \\uxxxx encoding: \\u${digits}`, {
        where: `line ${line}`,
        line,
        hint: "four hexadecimal digits must follow \\u; write \\\\ for a backslash",
      });
    }
    plain += String.fromCharCode(Number.parseInt(digits, 16));
    at += 4;
  }
  return plain;
}
