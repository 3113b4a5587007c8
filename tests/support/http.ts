// Asks an AdminServer, ours or Java's, and gives its answer whole.

import { request } from "node:http";

export interface Asked {
  readonly port: number;
  /** With the query. */
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Uint8Array;
  readonly text: string;
}

export function http(asked: Asked): Promise<HttpAnswer> {
  const { port, path, method = "GET", headers = {}, body } = asked;
  return new Promise((done, failed) => {
    const call = request({
      host: "127.0.0.1",
      port,
      path,
      method,
      agent: false,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { "content-length": String(body.length) }),
      },
    }, (response) => {
      const parts: Uint8Array[] = [];
      response.on("data", (part: Uint8Array) => parts.push(part));
      response.on("error", failed);
      response.on("end", () => {
        const whole = Buffer.concat(parts);
        const bytes = new Uint8Array(whole.buffer, whole.byteOffset, whole.length);
        const text = new TextDecoder().decode(bytes);
        done({ status: response.statusCode ?? 0, headers: response.headers, bytes, text });
      });
    });
    call.setTimeout(60_000, () => call.destroy(new Error(`${method} ${path}: no answer in time`)));
    call.on("error", failed);
    if (body !== undefined) call.write(body);
    call.end();
  });
}
