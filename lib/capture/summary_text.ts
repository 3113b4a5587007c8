// The page of `--format summary`.

import { errorName, packetName } from "../txn/opcodes.ts";
import type { CaptureFacts } from "./decoder.ts";
import { Histogram } from "./histogram.ts";
import { isoTime } from "./json.ts";
import type { Members } from "./members.ts";
import { slotName, type Summary } from "./summary.ts";
import { byteCount, duration, type Palette, printable, storyWords } from "./text.ts";
import type { PathTable } from "./paths.ts";

type Row = readonly string[];

/** Everything that was counted, as text. */
export function summaryText(
  summary: Summary,
  facts: CaptureFacts,
  members: Members,
  paths: PathTable,
  palette: Palette,
): string {
  const sections: [string, string][] = [
    ["capture", captureSection(facts, summary)],
    ["connections", connectionsSection(summary)],
    ["requests by op", opsSection(summary)],
    ["latency by member", membersSection(summary, members)],
    ["errors", errorsSection(summary)],
    [
      paths.isFull ? "top paths (the table was full; later ones count together)" : "top paths",
      pathsSection(summary),
    ],
    ["slowest requests", slowestSection(summary, facts)],
    ["busiest clients", clientsSection(summary)],
    ["watch events", eventsSection(summary)],
    ["sessions", sessionsSection(summary)],
    ["packets between servers", packetsSection(summary)],
    [`${summary.writes} writes, hop by hop`, hopsSection(summary)],
    ["elections, epochs, learners", storiesSection(summary, facts)],
    ["TLS", summary.tls.slice(0, 20).map((story) => `  ${storyWords(story)}\n`).join("")],
    ["lost", lostSection(summary, facts)],
  ];
  return sections.filter(([, text]) => text !== "")
    .map(([title, text]) => `${palette.bold(title)}\n${text}`).join("\n");
}

/** Columns: the first to the left, the others to the right. */
function table(rows: readonly Row[], leftColumns = 1): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    "  " + row.map((cell, i) => i < leftColumns ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))
      .join("  ").trimEnd() +
    "\n"
  ).join("");
}

const number = (value: number): string =>
  String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");

function captureSection(facts: CaptureFacts, summary: Summary): string {
  const length = Math.max(facts.end, 1);
  const rate = (summary.answeredInAll ?? 0) / (length / 1e9);
  const skipped = [...facts.skipped].map(([why, count]) => `${number(count)} ${why}`).join(", ");
  const rows: Row[] = [
    ["from", isoTime(facts.origin)],
    ["length", duration(facts.end)],
    ["packets", `${number(facts.packets)}, ${byteCount(facts.bytes)}`],
    ["messages", number(facts.messages)],
  ];
  if (rate > 0) rows.push(["requests", `${rate.toFixed(1)} answered a second`]);
  if (skipped !== "") rows.push(["not TCP/IP", skipped]);
  if (facts.leftOver > 0) rows.push(["unfinished", `the file ends within a packet`]);
  return table(rows, 2);
}

function connectionsSection(summary: Summary): string {
  const rows: Row[] = [["protocol", "connections", "messages", "bytes"]];
  for (const [name, { connections, messages, bytes }] of [...summary.protocols].sort()) {
    rows.push([name, number(connections), number(messages), byteCount(bytes)]);
  }
  return rows.length === 1 ? "" : table(rows);
}

const PERCENTILES = [0.5, 0.9, 0.99, 0.999] as const;
const LATENCY_HEAD: Row = ["p50", "p90", "p99", "p99.9", "max"];
const latencyCells = (histogram: Histogram): string[] =>
  histogram.count === 0 ? ["", "", "", "", ""] : [
    ...PERCENTILES.map((q) => duration(histogram.quantile(q))),
    duration(histogram.max),
  ];

function opsSection(summary: Summary): string {
  const rows: [number, Row][] = [];
  for (const [slot, histogram] of summary.byOp.entries()) {
    const unanswered = summary.opUnanswered[slot];
    const count = (histogram?.count ?? 0) + (histogram?.unknown ?? 0);
    if (count + unanswered === 0) continue;
    rows.push([count, [
      slotName(slot),
      number(count),
      number(summary.opErrors[slot]),
      number(unanswered),
      ...latencyCells(histogram ?? new Histogram()),
    ]]);
  }
  if (rows.length === 0) return "";
  rows.sort(([a], [b]) => b - a);
  const head: Row = ["op", "answered", "errors", "no reply", ...LATENCY_HEAD];
  return table([head, ...rows.map(([, row]) => row)]);
}

function membersSection(summary: Summary, members: Members): string {
  const rows: Row[] = [["server", "op", "answered", ...LATENCY_HEAD]];
  const sorted = [...summary.members.values()].sort((a, b) => (a.server < b.server ? -1 : 1));
  for (const member of sorted) {
    const sid = members.sidOf(member.conn, member.conn.serverSide);
    const name = sid === null ? member.server : `server.${sid} ${member.server}`;
    const all = new Histogram();
    const byOp: [number, Row][] = [];
    for (const [slot, histogram] of member.byOp.entries()) {
      if (histogram === null) continue;
      all.merge(histogram);
      const row = ["", slotName(slot), number(histogram.count), ...latencyCells(histogram)];
      byOp.push([histogram.count, row]);
    }
    if (all.count === 0) continue;
    byOp.sort(([a], [b]) => b - a);
    rows.push([name, "all", number(all.count), ...latencyCells(all)]);
    for (const [, row] of byOp.slice(0, 8)) rows.push(row);
  }
  return rows.length === 1 ? "" : table(rows, 2);
}

function errorsSection(summary: Summary): string {
  const rows: [number, Row][] = [];
  for (const [code, count] of summary.errors.entries()) {
    if (count > 0) rows.push([count, [errorName(-code), String(-code), number(count)]]);
  }
  return table(rows.sort(([a], [b]) => b - a).map(([, row]) => row));
}

const pathsSection = (summary: Summary): string =>
  table(summary.topPaths(10).map(([path, count]) => [printable(path), number(count)]));

function slowestSection(summary: Summary, facts: CaptureFacts): string {
  return table(
    summary.slowest.map((slow) => [
      duration(slow.latency),
      slotName(slow.op + 11),
      printable(slow.path),
      slow.error === 0 ? "" : errorName(slow.error),
      `${slow.client} → ${slow.server}`,
      isoTime(facts.origin + BigInt(Math.round(slow.time))).slice(11, 26),
    ]),
    6,
  );
}

function clientsSection(summary: Summary): string {
  const rows = [...summary.clients.values()].filter((row) => row.requests > 0)
    .sort((a, b) => b.requests - a.requests).slice(0, 10)
    .map((row) => [row.host, number(row.requests), number(row.errors), byteCount(row.bytes)]);
  return rows.length === 0 ? "" : table([["client", "answered", "errors", "sent"], ...rows]);
}

const EVENTS = [
  "None",
  "",
  "NodeCreated",
  "NodeDeleted",
  "NodeDataChanged",
  "NodeChildrenChanged",
] as const;

function eventsSection(summary: Summary): string {
  const rows = EVENTS.map((name, i): Row => [name, number(summary.events[i])]);
  return table(rows.filter(([, count]) => count !== "0"));
}

const sessionsSection = (summary: Summary): string =>
  table([...summary.sessions].map(([what, count]) => [what, number(count)]));

function packetsSection(summary: Summary): string {
  const rows: Row[] = [];
  for (const [type, count] of summary.packets.entries()) {
    if (count === 0) continue;
    const name = type === 31 ? "other" : packetName(type);
    rows.push([name, number(count), byteCount(summary.packetBytes[type])]);
  }
  if (summary.notifications > 0) rows.push(["notification", number(summary.notifications), ""]);
  return table(rows);
}

function hopsSection(summary: Summary): string {
  if (summary.writes === 0) return "";
  const rows = [...summary.hops].map(([name, histogram]): Row => [
    name,
    number(histogram.count),
    ...latencyCells(histogram),
  ]);
  return table([["stretch", "seen", ...LATENCY_HEAD], ...rows]);
}

function storiesSection(summary: Summary, facts: CaptureFacts): string {
  const stories = [...summary.elections, ...summary.epochs, ...summary.syncs];
  return stories.sort((a, b) => a.time - b.time).map((story) =>
    `  ${isoTime(facts.origin + BigInt(Math.round(story.time))).slice(11, 26)}  ${
      storyWords(story)
    }\n`
  ).join("");
}

function lostSection(summary: Summary, facts: CaptureFacts): string {
  const rows = [...summary.losses].map(([why, { count, bytes }]): Row => [
    why,
    `${number(count)} times`,
    byteCount(bytes),
  ]);
  if (facts.unknown > 0) rows.push(["of other protocols", "", byteCount(facts.unknown)]);
  return rows.length === 0 ? table([["nothing"]]) : table(rows);
}
