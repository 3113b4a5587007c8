// `deno task bench [NAME] [its options]`: runs one of the measurements, or tells which there are.
// Each compares with Java, or with another implementation, in the same run; none is a test.

import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));

function names(): string[] {
  return readdirSync(HERE)
    .filter((file) => file.endsWith(".ts") && file !== "main.ts")
    .map((file) => file.replace(/\.ts$/, ""))
    .sort();
}

function main(args: readonly string[]): void {
  const [name, ...rest] = args;
  const file = join(HERE, `${name}.ts`);
  if (name === undefined || name.startsWith("-") || !existsSync(file)) {
    console.error(`usage: deno task bench NAME [options]\n\n  ${names().join("\n  ")}`);
    process.exit(name === undefined || name === "--help" ? 0 : 2);
  }
  const runner = "Deno" in globalThis ? ["run", "-A", file] : ["--import", "tsx", file];
  const child = spawn(process.execPath, [...runner, ...rest], { stdio: "inherit" });
  child.on("exit", (code) => process.exit(code ?? 1));
}

main(process.argv.slice(2));
