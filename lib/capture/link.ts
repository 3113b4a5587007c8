// Link types: where in a captured frame the IP packet begins. Knows Ethernet with any number of
// VLAN tags, Linux cooked captures (v1, v2), BSD loopback in both byte orders, and raw IP.

import { u16 } from "./bytes.ts";

/** Why a packet was not followed up to TCP; a capture counts each. */
export type Skipped =
  | "link type" // of a kind we do not know
  | "not ip"
  | "not tcp"
  | "cut" // the snap length ended it before the TCP header did
  | "malformed"
  | "encrypted" // IPsec
  | "fragment"; // waits for its fellows, or never found them

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const VLAN = new Set([0x8100, 0x88a8, 0x9100, 0x9200]);

/** Offset of the IP header in `bytes[start..end)`, or the reason why there is none. */
export function networkOffset(
  linkType: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number | Skipped {
  switch (linkType) {
    case 1: // Ethernet
      return typed(bytes, start + 12, end);
    case 113: // Linux cooked v1
      return typed(bytes, start + 14, end);
    case 276: { // Linux cooked v2: the protocol is the first field
      if (end - start < 20) return "cut";
      const type = u16(bytes, start);
      if (type === IPV4 || type === IPV6) return start + 20;
      return VLAN.has(type) ? typed(bytes, start + 22, end) : "not ip";
    }
    case 0: // BSD loopback, in the byte order of the machine that captured
    case 108: // OpenBSD loopback, in network byte order
      return loopback(bytes, start, end);
    case 12:
    case 14:
    case 101: // raw IP
    case 228:
    case 229:
      return end > start ? start : "cut";
    default:
      return "link type";
  }
}

/** Follows an EtherType and the VLAN tags before it. */
function typed(bytes: Uint8Array, at: number, end: number): number | Skipped {
  let field = at;
  for (;;) {
    if (end - field < 2) return "cut";
    const type = u16(bytes, field);
    if (type === IPV4 || type === IPV6) return field + 2;
    if (!VLAN.has(type)) return "not ip";
    field += 4;
  }
}

/** The families of IPv6 differ between the BSDs; 2 is IPv4 everywhere. */
function loopback(bytes: Uint8Array, start: number, end: number): number | Skipped {
  if (end - start < 4) return "cut";
  const family = bytes[start] | bytes[start + 3];
  if (bytes[start + 1] !== 0 || bytes[start + 2] !== 0) return "not ip";
  return family === 2 || family === 10 || family === 24 || family === 28 || family === 30
    ? start + 4
    : "not ip";
}
