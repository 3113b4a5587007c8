// Gets the jars of any release of Apache ZooKeeper, so that an ensemble or a test can run the real
// thing. Jars come by Maven into a cache that git ignores; Debian's own packages stand in for 3.8
// where Maven cannot be used. Says why, in words, when there is no Java here.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** A release that is ready to run. `version` is what the jars really are. */
export interface JavaDist {
  readonly version: string;
  /** Class path: a folder with logging settings, then the jars. */
  readonly classpath: string;
}

/** There is no Java, or the jars of a release cannot be had; the message says why. */
export class JavaUnavailable extends Error {
  override name = "JavaUnavailable";
}

/** Fetching takes a while; whoever waits is told why. */
const tell = (text: string): void => void process.stderr.write(`${text}\n`);

const debianJars = "/usr/share/java";

/** Root of the cache: `$ZKPEER_CACHE`, else `.cache` in the checkout. */
export function cacheRoot(): string {
  return process.env.ZKPEER_CACHE ?? fileURLToPath(new URL("../../.cache", import.meta.url));
}

let reason: string | null | undefined;

/**
 * Null when Java servers can be run here, else the reason in one line, fit for a test's `skip`.
 * With a version, also whether there is any way to get its jars (not whether a download works).
 */
export function javaUnavailable(version?: string): string | null {
  reason ??= runs("java", "-version") ? null : "no java on the PATH";
  if (reason !== null || version === undefined) return reason;
  if (isReady(version) || hasDebianJars(version) || runs("mvn", "-v")) return null;
  return `no mvn on the PATH to get ZooKeeper ${version} with`;
}

function runs(command: string, argument: string): boolean {
  const result = spawnSync(command, [argument], { stdio: "ignore" });
  return result.error === undefined && result.status === 0;
}

/** -1, 0 or 1 as release `a` is older than, equal to, or newer than `b`. */
export function compareVersions(a: string, b: string): -1 | 0 | 1 {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return 0;
}

const preparing = new Map<string, Promise<JavaDist>>();

/**
 * Jars of a release, downloaded at most once per machine however many processes ask together.
 * Faults: `JavaUnavailable`.
 */
export function prepare(version: string): Promise<JavaDist> {
  const running = preparing.get(version) ?? fetchDist(version);
  preparing.set(version, running);
  return running;
}

async function fetchDist(version: string): Promise<JavaDist> {
  const why = javaUnavailable(version);
  if (why !== null) throw new JavaUnavailable(why);
  if (!isReady(version)) {
    const failed = runs("mvn", "-v") ? await underLock(version, download) : "no mvn on the PATH";
    if (failed !== null) {
      if (hasDebianJars(version)) return debianDist();
      throw new JavaUnavailable(`cannot get the jars of ZooKeeper ${version}: ${failed}`);
    }
  }
  const folder = folderOf(version);
  return { version, classpath: `${join(folder, "conf")}:${join(folder, "jars")}/*` };
}

const folderOf = (version: string) => join(cacheRoot(), "java", version);

// The mark holds a hash of what was asked for, so a changed list of jars is fetched again.
const markOf = (version: string) => createHash("sha256").update(pom(version)).digest("hex");

function isReady(version: string): boolean {
  const mark = join(folderOf(version), "ready");
  return existsSync(mark) && readFileSync(mark, "utf8") === markOf(version);
}

/** Runs `work` while holding a lock folder; null when the jars are there afterwards. */
async function underLock(
  version: string,
  work: (version: string) => Promise<string | null>,
): Promise<string | null> {
  const lock = `${folderOf(version)}.lock`;
  const owner = join(lock, "pid");
  mkdirSync(join(cacheRoot(), "java"), { recursive: true });
  for (let announced = false;;) {
    if (isReady(version)) return null;
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    // A holder that died leaves its lock behind. Without a pid yet it has only just been made.
    const pid = existsSync(owner) ? Number(readFileSync(owner, "utf8")) : process.pid;
    if (!isAlive(pid)) {
      rmSync(lock, { recursive: true, force: true });
      continue;
    }
    if (!announced) tell(`zookeeper ${version}: process ${pid} is fetching the jars`);
    announced = true;
    await wait(200);
  }
  try {
    writeFileSync(owner, String(process.pid));
    return isReady(version) ? null : await work(version);
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

async function download(version: string): Promise<string | null> {
  tell(`zookeeper ${version}: fetching the jars`);
  const folder = folderOf(version);
  const work = `${folder}.${process.pid}`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, "conf"), { recursive: true });
  writeFileSync(join(work, "pom.xml"), pom(version));
  writeFileSync(join(work, "conf", "log4j.properties"), log4jProperties);
  writeFileSync(join(work, "conf", "simplelogger.properties"), simpleLoggerProperties);
  const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";
  const failed = await insist(
    version,
    () => run("mvn", ["-q", "-B", goal, "-DoutputDirectory=jars"], work),
  );
  if (failed !== null) {
    rmSync(work, { recursive: true, force: true });
    const { code, output } = failed;
    return output.split("\n").find((line) => line.includes("ERROR")) ?? `mvn ended with ${code}`;
  }
  writeFileSync(join(work, "ready"), markOf(version));
  rmSync(folder, { recursive: true, force: true });
  renameSync(work, folder);
  const count = readdirSync(join(folder, "jars")).length;
  tell(`zookeeper ${version}: ${count} jars ready`);
  return null;
}

/** How a program ended, and all that it printed. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Milliseconds to wait before each further try: one refused download is no reason to go without. */
const PAUSES: readonly number[] = [3_000, 15_000];

/** Runs what downloads `name` until it ends well; null then, else how it ended the last time. */
export async function insist(
  name: string,
  download: () => Promise<Ended>,
  pauses = PAUSES,
): Promise<Ended | null> {
  for (let tries = 0;; tries++) {
    const ended = await download();
    if (ended.code === 0) return null;
    if (tries === pauses.length) return ended;
    tell(`${name}: the download ended with ${ended.code}; again in ${pauses[tries] / 1000} s`);
    await wait(pauses[tries]);
  }
}

function run(command: string, args: string[], cwd: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (data) => output += data);
    child.stderr.on("data", (data) => output += data);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

// Old poms name artifacts that no repository may redistribute, and consoles that no test uses.
const excluded = [
  ["javax.jms", "jms"],
  ["com.sun.jdmk", "jmxtools"],
  ["com.sun.jmx", "jmxri"],
  ["javax.mail", "mail"],
  ["jline", "jline"],
  ["junit", "junit"],
  ["ch.qos.logback", "logback-classic"],
];

/** What a release needs at run time but does not ask Maven for. */
function extras(version: string): string[][] {
  const wanted: string[][] = [];
  const from = (first: string) => compareVersions(version, first) >= 0;
  if (from("3.5.0")) wanted.push(["commons-cli", "commons-cli", "1.5.0"]);
  if (from("3.5.0")) wanted.push(["com.fasterxml.jackson.core", "jackson-databind", "2.15.2"]);
  if (from("3.6.0")) wanted.push(["org.xerial.snappy", "snappy-java", "1.1.10.5"]);
  if (from("3.6.0")) wanted.push(["io.dropwizard.metrics", "metrics-core", "4.1.12.1"]);
  // For the AdminServer; older releases are compared with us on other ports only.
  if (from("3.9.0")) wanted.push(["org.eclipse.jetty", "jetty-servlet", "9.4.58.v20250814"]);
  const logging = from("3.8.0") ? "2.0.13" : "1.7.36";
  if (from("3.5.0")) wanted.push(["org.slf4j", "slf4j-simple", logging]);
  return wanted;
}

function pom(version: string): string {
  const coordinates = (group: string, artifact: string) =>
    `<groupId>${group}</groupId><artifactId>${artifact}</artifactId>`;
  const exclusions = excluded.map(([group, artifact]) =>
    `<exclusion>${coordinates(group ?? "", artifact ?? "")}</exclusion>`
  );
  const dependencies = extras(version).map(([group, artifact, release]) =>
    `<dependency>${coordinates(group ?? "", artifact ?? "")}<version>${release}</version>` +
    `</dependency>`
  );
  return [
    `<project xmlns="http://maven.apache.org/POM/4.0.0">`,
    `<modelVersion>4.0.0</modelVersion>`,
    `${coordinates("zkpeer", "oracle")}<version>1</version><packaging>pom</packaging>`,
    `<dependencies>`,
    `<dependency>${coordinates("org.apache.zookeeper", "zookeeper")}`,
    `<version>${version}</version><exclusions>`,
    ...exclusions,
    `</exclusions></dependency>`,
    ...dependencies,
    `</dependencies></project>`,
    "",
  ].join("\n");
}

const log4jProperties = `log4j.rootLogger=INFO, OUT
log4j.appender.OUT=org.apache.log4j.ConsoleAppender
log4j.appender.OUT.layout=org.apache.log4j.PatternLayout
log4j.appender.OUT.layout.ConversionPattern=%d{ISO8601} [%t] %-5p %c{1} - %m%n
`;

const simpleLoggerProperties = `org.slf4j.simpleLogger.defaultLogLevel=info
org.slf4j.simpleLogger.showDateTime=true
org.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS
org.slf4j.simpleLogger.showShortLogName=true
`;

function hasDebianJars(version: string): boolean {
  return version.startsWith("3.8.") && existsSync(join(debianJars, "zookeeper.jar"));
}

/** Debian's packages, whose release is read from the jar's name behind the plain link. */
function debianDist(): JavaDist {
  const names = readdirSync(debianJars);
  const found = names.map((name) => /^zookeeper-(\d+\.\d+\.\d+)\.jar$/.exec(name)?.[1])
    .find((version) => version !== undefined);
  const conf = join(cacheRoot(), "java", "debian");
  mkdirSync(conf, { recursive: true });
  writeFileSync(join(conf, "simplelogger.properties"), simpleLoggerProperties);
  const wanted = /^(zookeeper|zookeeper-jute|slf4j-api|slf4j-simple|commons-cli|commons-io)\.jar$/;
  const families = /^(netty|metrics-core|snappy-java|jackson-(core|databind|annotations))\S*\.jar$/;
  const jars = names.filter((name) => wanted.test(name) || families.test(name));
  return {
    version: found ?? "3.8.0",
    classpath: [conf, ...jars.map((name) => join(debianJars, name))].join(":"),
  };
}
