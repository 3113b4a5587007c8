// Whether a text is a distinguished name, as the scheme x509 demands of ids in access lists
// (client.md 5.2). Names are compared as text: only the form is checked here.
//
// Must agree with Java's X500Principal(String): RFC 2253 and 1779 forms, known keywords or an
// object identifier, values plain, quoted, escaped or `#hex`. An empty name is a name.

const KEYWORDS: ReadonlySet<string> = new Set([
  "CN",
  "C",
  "L",
  "S",
  "ST",
  "O",
  "OU",
  "T",
  "IP",
  "STREET",
  "DC",
  "DNQUALIFIER",
  "DNQ",
  "SURNAME",
  "GIVENNAME",
  "INITIALS",
  "GENERATION",
  "EMAIL",
  "EMAILADDRESS",
  "UID",
  "SERIALNUMBER",
]);
const OBJECT_ID = /^(OID\.)?[0-2](\.[0-9]+)+$/;
const HEX_VALUE = /^#([0-9a-fA-F]{2})+$/;
const SEPARATORS = ",;+";
const ESCAPABLE = ',=\n+<>#;\\" ';
const REFUSED_BARE = ',=\n+<>;"';

export function isDistinguishedName(text: string): boolean {
  if (text.trim() === "") return true;
  let at = 0;
  for (;;) {
    const equals = text.indexOf("=", at);
    if (equals < 0 || !isAttributeType(text.slice(at, equals).trim())) return false;
    const end = valueEnd(text, equals + 1);
    if (end < 0) return false;
    if (end === text.length) return true;
    at = end + 1;
  }
}

function isAttributeType(text: string): boolean {
  const upper = text.toUpperCase();
  return KEYWORDS.has(upper) || OBJECT_ID.test(upper);
}

/** Index of the separator after the value that starts at `start`, or of the end; −1: malformed. */
function valueEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && text[at] === " ") at += 1;
  if (text[at] === '"') return quotedEnd(text, at + 1);
  const hex = text[at] === "#";
  const from = at;
  while (at < text.length && !SEPARATORS.includes(text[at])) {
    if (text[at] === "\\") {
      const length = escapeLength(text, at + 1);
      if (length === 0) return -1;
      at += 1 + length;
    } else if (REFUSED_BARE.includes(text[at])) {
      return -1;
    } else {
      at += 1;
    }
  }
  return hex && !HEX_VALUE.test(text.slice(from, at).trimEnd()) ? -1 : at;
}

function quotedEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && text[at] !== '"') {
    if (text[at] === "\\") {
      const length = escapeLength(text, at + 1);
      if (length === 0) return -1;
      at += length;
    }
    at += 1;
  }
  if (at >= text.length) return -1;
  at += 1;
  while (at < text.length && text[at] === " ") at += 1;
  return at === text.length || SEPARATORS.includes(text[at]) ? at : -1;
}

function escapeLength(text: string, at: number): number {
  if (/^[0-9a-fA-F]{2}/.test(text.slice(at, at + 2))) return 2;
  return at < text.length && ESCAPABLE.includes(text[at]) ? 1 : 0;
}
