#!/usr/bin/env node
// The command on Node, from any folder: what tsconfig.json maps is found beside this file, not where
// one stands. Everything else is main.ts's.

import { fileURLToPath } from "node:url";
import { register } from "tsx/esm/api";

register({ tsconfig: fileURLToPath(new URL("../../tsconfig.json", import.meta.url)) });
const { start } = await import("./main.ts");
await start();
