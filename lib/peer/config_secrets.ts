// A configuration file fit to be shown: the text as it is, without the values of secret keys. Java
// shows them all to whoever asks (operations.md 9, 10).

import { keyNamed } from "./config_keys_access.ts";
import { parseProperties } from "./config_properties.ts";

/** Keys of nobody we know, as Java passes them on to plugins. */
const SUSPECT = /passw|secret|token|credential|digest$/i;

/** Whether the value of a key is not for everybody to see. */
export const isSecret = (key: string): boolean => keyNamed(key)?.secret ?? SUSPECT.test(key);

export function withoutSecrets(text: string): string {
  const pieces = text.split(/(\r\n|\r|\n)/); // lines, each followed by what ends it
  for (const { key, line, lastLine } of parseProperties(text)) {
    if (!isSecret(key)) continue;
    // Lines keep their numbers, which complaints name.
    for (let at = line; at <= lastLine; at++) pieces[2 * at - 2] = at === line ? `${key}=***` : "";
  }
  return pieces.join("");
}
