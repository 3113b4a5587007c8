// `zkpeer serve --check-config`: what a configuration comes to, where each value is from, and which
// keys do nothing here. Reads nothing but the files of the configuration and starts nothing.

import { bracketed, type Config, configText, type Effective } from "../peer/config.ts";
import { isSecret } from "../peer/config_secrets.ts";
import { columns } from "./args.ts";
import { coloursFor } from "./colour.ts";
import type { CliIo } from "./io.ts";
import { printComplaints, readServe, SERVE_HELP, type ServeOrder } from "./serve_args.ts";

export const help = SERVE_HELP;

/** `serve` of a build without a server: only the check works. */
export function run(args: string[], io: CliIo): Promise<number> {
  const order = readServe(args, io);
  if (typeof order === "number") return Promise.resolve(order);
  if (order.isCheck) return Promise.resolve(checkConfig(order, io));
  io.stderr.write("this build has no server: only serve --check-config works\n");
  return Promise.resolve(1);
}

/** Prints the configuration of `order`; 0, because whatever is wrong was found before. */
export function checkConfig(order: ServeOrder, io: CliIo): number {
  if (order.isJson) io.stdout.write(jsonOf(order));
  else {
    io.stdout.write(textOf(order, io));
    printComplaints(io, order.warnings);
  }
  return 0;
}

function textOf(order: ServeOrder, io: CliIo): string {
  const { bold } = coloursFor(io, "stdout");
  const { config } = order;
  const listener = (at: { host: string | null; port: number } | null): string =>
    at === null ? "none" : `${at.host === null ? "*" : bracketed(at.host)}:${at.port}`;
  const facts: [string, string][] = [
    ["file", config.configPath ?? "none"],
    ...(config.dynamicConfigPath === null
      ? []
      : [["members in", config.dynamicConfigPath] as [string, string]]),
    ["mode", config.mode],
    ["myid", String(config.sid)],
    ...(config.mode === "quorum"
      ? [["role", config.isObserver ? "observer" : "participant"] as [string, string]]
      : []),
    ["clients", listener(config.client)],
    ["TLS clients", listener(config.secureClient)],
    ["snapshots", `${config.dataDir}/version-2`],
    ["logs", `${config.dataLogDir}/version-2`],
  ];
  const sections = [columns(facts)];
  if (config.mode === "quorum") {
    sections.push(`${bold("Members")}\n${indented(configText(config.membership))}`);
    if (config.nextMembership !== null) {
      const next = indented(configText(config.nextMembership));
      sections.push(`${bold("Members seen, not yet committed")}\n${next}`);
    }
  }
  const listed = config.effective.filter((row) => order.isAll || row.isSet);
  const used = listed.filter((row) => row.key.verdict === "honoured");
  const unused = listed.filter((row) => row.key.verdict !== "honoured");
  sections.push(
    `${bold(order.isAll ? "Settings" : "Settings given")}\n${table(used, order.isAll)}`,
  );
  if (unused.length > 0) {
    sections.push(`${bold("Accepted without effect here")}\n${reasons(unused)}`);
  }
  const others = unknown(config).map(([key, value]) => `  ${key}=${value}\n`).join("");
  if (others !== "") sections.push(`${bold("Unknown")}\n${others}`);
  return sections.join("\n");
}

/** Keys of nobody we know; plugins of Java's have secrets, too. */
const unknown = ({ passedThrough }: Config): [string, string][] =>
  [...passedThrough].map(([key, value]) => [key, isSecret(key) ? "***" : value]);

function table(rows: readonly Effective[], isAll: boolean): string {
  return columns(
    rows.map(({ key, value, source }): [string, string] => {
      const scope = isAll ? ` [${key.scope}] ${key.meaning}` : "";
      const remark = isAll && key.remark !== null ? ` (${key.remark})` : "";
      return [`${key.name}=${value}`, `${source}${scope}${remark}`];
    }),
    "  ",
  );
}

function reasons(rows: readonly Effective[]): string {
  return columns(
    rows.map(({ key, value, source }): [string, string] => {
      const verdict = key.verdict === "refused" ? "only the default: " : "";
      return [`${key.name}=${value}`, `${source}: ${verdict}${key.remark}`];
    }),
    "  ",
  );
}

function indented(text: string): string {
  return text.split("\n").map((line) => `  ${line}\n`).join("");
}

function jsonOf({ config, warnings }: ServeOrder): string {
  const settings = config.effective.map(({ key, value, source, isSet }) => ({
    key: key.name,
    value,
    source,
    isSet,
    verdict: key.verdict,
    scope: key.scope,
    meaning: key.meaning,
    remark: key.remark,
  }));
  const told = {
    ok: true,
    file: config.configPath,
    dynamicFile: config.dynamicConfigPath,
    mode: config.mode,
    myid: String(config.sid),
    isObserver: config.isObserver,
    client: config.client,
    secureClient: config.secureClient,
    dataDir: config.dataDir,
    dataLogDir: config.dataLogDir,
    membership: config.mode === "quorum" ? configText(config.membership).split("\n") : null,
    nextMembership: config.nextMembership === null
      ? null
      : configText(config.nextMembership).split("\n"),
    unknown: Object.fromEntries(unknown(config)),
    warnings,
    settings,
  };
  return JSON.stringify(told, null, 2) + "\n";
}
