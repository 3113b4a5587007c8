// HTTP/1.1 for operators through node:http. Requests and answers as they are; what they mean is
// lib/admin's business. Limits of head and time are here, for strangers can reach this port.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { assert } from "../base/assert.ts";
import type { Fault } from "../base/errors.ts";
import type { Address, Closable, Http, HttpExchange, HttpOptions } from "../ports.ts";
import { addressText, plainHost } from "./network.ts";
import { linkFault } from "./system_errors.ts";

/** Java's server has 8 KiB for all headers. */
const HEAD_BYTES = 8192;
const HEAD_WITHIN = 30_000;
/** Connections at a time: this port is for people and monitors. */
const CONNECTIONS_MAX = 200;

export class HostHttp implements Http {
  listen(
    at: Address,
    asked: (exchange: HttpExchange) => void,
    ready: (bound: Address | Fault) => void,
    options: HttpOptions,
  ): Closable {
    const server = createServer({ maxHeaderSize: HEAD_BYTES }, (request, response) => {
      asked(new NodeExchange(request, response, options.idleMs));
    });
    server.maxConnections = CONNECTIONS_MAX;
    server.headersTimeout = HEAD_WITHIN;
    server.requestTimeout = 0; // a database may take long to come in; what stands still is closed
    server.keepAliveTimeout = options.idleMs;
    server.setTimeout(options.idleMs);
    let isClosed = false;
    let isListening = false;
    server.on("error", (error: Error) => {
      if (!isClosed && !isListening) ready(linkFault(error, "listening", addressText(at)));
    });
    server.on("clientError", (_error: Error, socket) => {
      if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    });
    server.listen({ host: at.host === "" ? undefined : at.host, port: at.port }, () => {
      isListening = true;
      const bound = server.address();
      assert(bound !== null && typeof bound === "object", "a TCP listener has an address");
      if (!isClosed) ready({ host: at.host, port: bound.port });
    });
    return {
      close() {
        isClosed = true;
        server.close();
        server.closeAllConnections();
      },
    };
  }
}

class NodeExchange implements HttpExchange {
  readonly method: string;
  readonly target: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly remote: Address;
  onDrained: () => void = () => {};
  onGone: () => void = () => {};
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #idleMs: number;
  /** Nobody takes an answer any more. */
  #isOver = false;
  #isDestroyed = false;

  constructor(request: IncomingMessage, response: ServerResponse, idleMs: number) {
    this.#request = request;
    this.#response = response;
    this.#idleMs = idleMs;
    const { headers } = request;
    const hasBody = "content-length" in headers || "transfer-encoding" in headers;
    if (!hasBody) this.#working();
    this.method = request.method ?? "GET";
    this.target = request.url ?? "/";
    this.headers = new Map(
      Object.entries(request.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(", ") : value ?? "",
      ]),
    );
    const { remoteAddress, remotePort } = request.socket;
    this.remote = { host: plainHost(remoteAddress), port: remotePort ?? 0 };
    response.on("drain", () => this.onDrained());
    response.on("close", () => this.#gone());
    response.on("error", () => this.#gone());
  }

  receive(ear: { bytes(chunk: Uint8Array): void; ended(): void; broken(): void }): void {
    const request = this.#request;
    let isDone = false;
    const finish = (tell: () => void): void => {
      if (isDone) return;
      isDone = true;
      if (!this.#isDestroyed) tell();
    };
    request.on("data", (chunk: Uint8Array) => {
      if (isDone || this.#isDestroyed) return;
      ear.bytes(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    });
    request.on("end", () => {
      this.#working();
      finish(() => ear.ended());
    });
    request.on("error", () => finish(() => ear.broken()));
    request.on("close", () => finish(() => ear.broken()));
  }

  hold(on: boolean): void {
    if (on) this.#request.pause();
    else this.#request.resume();
  }

  answer(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#isOver) return;
    this.#request.socket.setTimeout(this.#idleMs);
    this.#request.resume(); // a body that nobody wanted must not block the connection
    this.#response.writeHead(status, { ...headers });
  }

  write(bytes: Uint8Array): boolean {
    return this.#isOver || this.#response.write(bytes);
  }

  end(): void {
    if (!this.#isOver) this.#response.end();
  }

  destroy(): void {
    this.#isOver = true;
    this.#isDestroyed = true;
    this.#request.socket.destroy();
  }

  /** It is our turn: that nothing moves meanwhile is not the other side's fault. */
  #working(): void {
    this.#request.socket.setTimeout(0);
  }

  #gone(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#response.writableFinished) this.onGone();
  }
}
