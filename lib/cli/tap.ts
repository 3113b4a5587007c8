// `zkpeer tap`: a transparent proxy that decodes what passes through it, live. Bytes go on first and
// are decoded after, in slices of a millisecond: what the decoder makes of them cannot change them,
// and costs them next to nothing. The decoder sees packets as a capture would have them, so all formats and filters of
// `decode` work.

import { connect, createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import { Fault } from "../base/errors.ts";
import type { Packet } from "../capture/pcap.ts";
import { helpText, type OptionRow, readArgs } from "./args.ts";
import { DecodeSession, OUTPUT_OPTIONS } from "./decode.ts";
import type { CliIo } from "./io.ts";
import { TapPackets } from "./tap_packets.ts";

const OPTIONS = [
  {
    name: "listen",
    value: "[ADDR:]PORT",
    help: "where clients shall connect to; port 0: any free",
  },
  { name: "to", value: "HOST:PORT", help: "the server they mean" },
  { name: "kind", value: "KIND", help: "client (default), election or quorum: a hint only" },
  ...OUTPUT_OPTIONS,
] as const satisfies readonly OptionRow[];

const spec = {
  name: "tap",
  words: "",
  wordsMax: 0,
  summary: "stand between clients and a server, and decode what passes",
  options: OPTIONS,
  more: `
  zkpeer tap --listen 2182 --to zk1:2181
  zkpeer tap --listen 127.0.0.1:0 --to zk1:2181 --format jsonl --slower 10ms

Ends at SIGINT or SIGTERM; with --format summary or html the result is written then.
`,
} as const;

export const help = helpText(spec);

/** Who has said all may still want the answer: `ruok` and the end, then `imok`. */
const HALVES = { noDelay: true, allowHalfOpen: true } as const;

/** How often what has passed is decoded and written, and how long that may hold up what passes. */
const DECODE_EVERY_MS = 20;
const SLICE_MS = 1;

export async function run(args: string[], io: CliIo): Promise<number> {
  const parsed = readArgs(spec, args);
  if (!parsed.ok) {
    io.stderr.write(`${parsed.error}\n`);
    return 2;
  }
  if (parsed.isHelp) {
    io.stdout.write(help);
    return 0;
  }
  const { listen, to, kind } = parsed.options;
  if (listen === null || to === null) {
    io.stderr.write("--listen and --to are both needed; see zkpeer tap --help\n");
    return 2;
  }
  const target = addressOf(to, "to");
  const at = addressOf(listen.includes(":") ? listen : `127.0.0.1:${listen}`, "listen");
  const hint = kind ?? "client";
  if (!["client", "election", "quorum"].includes(hint)) {
    throw new Fault("CONFIG", `--kind ${kind} is none of client, election, quorum`);
  }
  const port = [...parsed.options.port, `${hint}=${target.port}`];
  const session = new DecodeSession({ ...parsed.options, port }, io);
  await new Tap(session, target, io).serve(at);
  session.end();
  return 0;
}

interface Target {
  readonly host: string;
  readonly port: number;
}

function addressOf(text: string, what: string): Target {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new Fault("CONFIG", `--${what} ${text} is not HOST:PORT`);
  }
  return { host: match[1] ?? match[2] ?? "", port };
}

/** The proxy: pairs of sockets, and what passes them on its way to the decoder. */
export class Tap {
  readonly #session: DecodeSession;
  readonly #target: Target;
  readonly #io: CliIo;
  readonly #sockets = new Set<Socket>();
  readonly #packets: TapPackets;

  constructor(session: DecodeSession, target: Target, io: CliIo) {
    this.#session = session;
    this.#target = target;
    this.#io = io;
    this.#packets = new TapPackets((packet: Packet) => session.decoder.packet(packet));
    session.liveOrigin = this.#packets.origin;
  }

  /** Sockets of connections that are not over. */
  get sockets(): number {
    return this.#sockets.size;
  }

  /** Resolves when the process is asked to end. */
  async serve(at: Target): Promise<void> {
    const server = createServer(HALVES, (client) => this.#accept(client));
    await listening(server, at);
    const address = server.address();
    const shown = typeof address === "object" && address !== null ? address.port : at.port;
    const { host, port } = this.#target;
    this.#io.stderr.write(`tapping ${at.host}:${shown} → ${host}:${port}\n`);
    const decoding = setInterval(() => {
      this.#packets.decodeSliced(SLICE_MS, () => this.#session.flush(0));
    }, DECODE_EVERY_MS);
    await new Promise<void>((done) => {
      if (this.#io.signal.aborted) return done();
      this.#io.signal.addEventListener("abort", () => done(), { once: true });
    });
    clearInterval(decoding);
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#packets.decode(Number.POSITIVE_INFINITY);
  }

  #accept(client: Socket): void {
    const { host, port } = this.#target;
    const server = connect({ host, port, ...HALVES });
    this.#sockets.add(client).add(server);
    const flow = this.#packets.open(
      { host: client.remoteAddress ?? "0.0.0.0", port: client.remotePort ?? 0 },
      { host: isIp(host) ? host : "0.0.0.0", port },
    );
    server.once("connect", () => {
      if (!isIp(host) && server.remoteAddress !== undefined) flow.serverIs(server.remoteAddress);
      flow.begin();
    });
    this.#pass(client, server, (bytes) => flow.data(0, bytes), () => flow.end(0));
    this.#pass(server, client, (bytes) => flow.data(1, bytes), () => flow.end(1));
    const over = (): void => {
      flow.reset();
      cut(client);
      cut(server);
    };
    client.on("error", over);
    server.on("error", (error) => {
      this.#io.stderr.write(`tap: ${host}:${port}: ${error.message}\n`);
      over();
    });
    for (const [one, other] of [[client, server], [server, client]]) {
      one.once("close", () => {
        this.#sockets.delete(one);
        other.destroySoon();
      });
    }
  }

  /** Hands bytes on, then shows them; a slow reader holds back the writer, as without us. */
  #pass(from: Socket, to: Socket, show: (bytes: Uint8Array) => void, end: () => void): void {
    from.on("data", (bytes: Uint8Array) => {
      if (!to.write(bytes)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
      show(bytes);
    });
    from.once("end", () => {
      to.end();
      end();
    });
  }
}

/** An end that was a reset stays one: who is left must not take it for a farewell. */
function cut(socket: Socket): void {
  if (socket.connecting) socket.destroy();
  else if (!socket.destroyed) socket.resetAndDestroy();
}

const isIp = (host: string): boolean => /^[0-9.]+$/.test(host) || host.includes(":");

function listening(server: Server, at: Target): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const code = error.code === "EADDRINUSE" ? "PORT_IN_USE" : "LINK";
      fail(new Fault(code, `cannot listen on ${at.host}:${at.port}: ${error.code}`));
    });
    server.listen(at.port, at.host === "" ? undefined : at.host, () => done());
    process.once("exit", () => server.close());
  });
}
