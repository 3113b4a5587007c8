// What a reconfig makes of the configuration files: the names of the files beside the static one, and
// the static file without what moved into the dynamic one. Must agree with QuorumPeerConfig's
// editStaticConfig and writeDynamicConfig (operations.md 1.5, quorum.md 8.5), except that comments
// and the order of lines survive here. Writing the files is the driver's matter.

import { escapeValue, parseProperties } from "./config_properties.ts";
import { isMembershipKey, type Member } from "./dynamic_config.ts";

/** The dynamic file of a committed membership; its text is `dynamicFileText(membership)`. */
export function dynamicFileOf(configPath: string, version: bigint): string {
  return `${configPath}.dynamic.${BigInt.asUintN(64, version).toString(16)}`;
}

/** The seen, not yet committed membership; its text is `dynamicFileText(membership, true)`. */
export function nextFileOf(configPath: string): string {
  return `${configPath}.dynamic.next`;
}

/** The copy of the static file that the first rewrite leaves. */
export function backupFileOf(configPath: string): string {
  return `${configPath}.bak`;
}

/**
 * The static file's text after its members moved to `dynamicPath`: every line as it was, but without
 * member lines, peerType, an older dynamicConfigFile, and, where `own` carries the client address,
 * the client port; with the pointer to the dynamic file at the end. All text is ISO-8859-1 decoded.
 */
export function staticFileText(text: string, dynamicPath: string, own: Member | null): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.split(/\r\n|\r|\n/);
  const gone = new Set<number>();
  for (const { key, line, lastLine } of parseProperties(text)) {
    if (!moves(key, own)) continue;
    for (let at = line; at <= lastLine; at++) gone.add(at);
  }
  const kept = lines.filter((_line, at) => !gone.has(at + 1));
  while (kept.length > 0 && kept[kept.length - 1].trim() === "") kept.pop();
  // A backslash at the end of the file would make the pointer a part of its line.
  if (kept[kept.length - 1]?.endsWith("\\")) kept.push("");
  return [...kept, `dynamicConfigFile=${escapeValue(dynamicPath)}`, ""].join(eol);
}

function moves(key: string, own: Member | null): boolean {
  if (isMembershipKey(key)) return true;
  if (key.startsWith("dynamicConfigFile") || key.startsWith("peerType")) return true;
  if (key.startsWith("clientPort")) return carriesClient(key, own);
  return key.startsWith("secureClientPort") && own !== null && own.secureClientPort !== null;
}

/** The backlog starts like the port, but no membership text can carry it. */
function carriesClient(key: string, own: Member | null): boolean {
  return key !== "clientPortListenBacklog" && own !== null && own.clientPort !== null;
}
