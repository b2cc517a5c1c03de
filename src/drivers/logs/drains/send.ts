/**
 * Gives records to a receiver. A call that returns has handed them over: HTTP and OTLP say so themselves; of syslog it is
 * only known that the system has taken them, for it has no answers. One that throws may be made again with the same.
 */
import { X509Certificate } from "node:crypto";
import { createSocket } from "node:dgram";
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { parseTarget, type Drain, type DrainRecord, type DrainTarget } from "../../../domain/drain.ts";
import { OpError } from "../../../errors/op-error.ts";
import { otlpLogs, syslogMessage } from "./forms.ts";

export interface Sender {
  /** @returns how many the receiver refused for good. @throws with a reason for people */
  send(records: readonly DrainRecord[]): Promise<number>;
  close(): void;
}

/** A receiver that says nothing for so long is tried anew. */
const answerMs = 10_000;
const answerBytesMax = 64 * 1024;
/** Receivers take less over UDP; this is what one datagram holds (RFC 5426 asks for 2048). */
const datagramBytesMax = 8192;

export function createSender(drain: Drain): Sender {
  const target = parseTarget(drain.to);
  if (typeof target === "string") throw new OpError("bad-value", { message: target });
  if (drain.ca !== undefined) refuseNoAuthority(drain.ca);
  if (target.kind !== "syslog") return httpSender(drain, target);
  return target.over === "udp" ? datagramSender(target) : new StreamSender(drain, target);
}

const pem = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** OpenSSL passes over what it cannot read, and then refuses every receiver. */
function refuseNoAuthority(ca: string): void {
  const found = ca.match(pem) ?? [];
  try {
    for (const one of found) void new X509Certificate(one);
    if (found.length > 0) return;
  } catch (cause) {
    throw noAuthority("A certificate in it cannot be read.", cause);
  }
  throw noAuthority("There is no certificate in it.");
}

function noAuthority(detail: string, cause?: unknown): OpError {
  return new OpError("bad-value", { message: "the authority of the receiver's certificate is not one", detail, cause });
}

/** Made once: it is a hundred and fifty authorities. Without one of the drain's own those of the system count, and Node's. */
function authorityOf({ ca }: Drain): () => SecureContext {
  let made: SecureContext | undefined;
  return () =>
    (made ??= createSecureContext({ ca: ca ?? [...getCACertificates("default"), ...getCACertificates("system")] }));
}

type SyslogTarget = Extract<DrainTarget, { kind: "syslog" }>;

function datagramSender({ host, port }: SyslogTarget): Sender {
  return {
    send: async (records) => {
      const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
      try {
        for (const record of records)
          await datagram(socket, Buffer.from(syslogMessage(record)).subarray(0, datagramBytesMax));
        return 0;
      } finally {
        socket.close();
      }
    },
    close: () => undefined,
  };

  function datagram(socket: ReturnType<typeof createSocket>, bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.send(bytes, port, host, (error) => {
        socket.off("error", reject);
        if (error) reject(error);
        else resolve();
      });
    });
  }
}

/** Octet counting, RFC 6587 and 5425: a message may have any characters. */
class StreamSender implements Sender {
  readonly #target: SyslogTarget;
  readonly #authority: () => SecureContext;
  #socket: Socket | undefined;

  constructor(drain: Drain, target: SyslogTarget) {
    this.#target = target;
    this.#authority = authorityOf(drain);
  }

  async send(records: readonly DrainRecord[]): Promise<number> {
    const socket = (this.#socket ??= await this.#connect());
    const messages = records.map((record) => Buffer.from(syslogMessage(record)));
    const bytes = Buffer.concat(messages.flatMap((message) => [Buffer.from(`${message.length} `), message]));
    try {
      await this.#within(socket, (done) => socket.write(bytes, (error) => done(error ?? undefined)));
    } catch (error) {
      this.close();
      throw error;
    }
    return 0;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #connect(): Promise<Socket> {
    const { host, port, over } = this.#target;
    const socket =
      over === "tls" ? connectTls({ host, port, secureContext: this.#authority() }) : connectTcp({ host, port });
    // One that ends in between is found when it is written to next.
    const gone = (): void => {
      if (this.#socket === socket) this.#socket = undefined;
    };
    socket.on("error", gone);
    socket.on("close", gone);
    socket.resume();
    try {
      await this.#within(socket, (done) => socket.once(over === "tls" ? "secureConnect" : "connect", () => done()));
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return socket;
  }

  #within(socket: Socket, begin: (done: (error?: Error) => void) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const failed = (error: Error): void => reject(error);
    const closed = (): void => reject(new Error("the receiver closed the connection"));
    const timer = setTimeout(() => reject(new Error(`the receiver took nothing for ${answerMs / 1000} s`)), answerMs);
    socket.once("error", failed);
    socket.once("close", closed);
    begin((error) => (error ? reject(error) : resolve()));
    return promise.finally(() => {
      clearTimeout(timer);
      socket.off("error", failed);
      socket.off("close", closed);
    });
  }
}

function httpSender(drain: Drain, { kind, url }: Exclude<DrainTarget, { kind: "syslog" }>): Sender {
  const closed = new AbortController();
  const authority = authorityOf(drain);
  const send = async (records: readonly DrainRecord[]): Promise<number> => {
    const body =
      kind === "otlp"
        ? JSON.stringify(otlpLogs(records))
        : records.map((record) => `${JSON.stringify(record)}\n`).join("");
    const { status, text } = await post(
      { to: url, token: drain.token, authority },
      { type: kind === "otlp" ? "application/json" : "application/x-ndjson", body },
      AbortSignal.any([closed.signal, AbortSignal.timeout(answerMs)]),
    );
    if (status >= 200 && status < 300) return kind === "otlp" ? rejectedIn(text) : 0;
    if (status !== 413) throw new Error(`the receiver answered ${status}`);
    // Too much at once; one alone that is too large is refused for good, or it would stand in the way for ever.
    if (records.length === 1) return 1;
    const half = Math.ceil(records.length / 2);
    return (await send(records.slice(0, half))) + (await send(records.slice(half)));
  };
  return { send, close: () => closed.abort() };
}

function post(
  { to, token, authority }: { to: string; token: string | undefined; authority: () => SecureContext },
  { type, body }: { readonly type: string; readonly body: string },
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const isTls = to.startsWith("https:");
  const request = (isTls ? tlsRequest : plainRequest)(
    to,
    {
      method: "POST",
      headers: {
        "content-type": type,
        "content-length": Buffer.byteLength(body),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(isTls ? { secureContext: authority() } : {}),
      agent: false,
      signal,
    },
    (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text = (text + part).slice(0, answerBytesMax)));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.once("error", reject);
    },
  );
  request.once("error", (error) =>
    reject(
      error.name === "AbortError" || error.name === "TimeoutError"
        ? new Error(`no answer within ${answerMs / 1000} s`)
        : error,
    ),
  );
  request.end(body);
  return promise;
}

/** OTLP: a success may be a partial one. */
function rejectedIn(text: string): number {
  try {
    const found = /"rejectedLogRecords":\s*"?(\d+)/.exec(text)?.[1];
    return Number(found ?? 0);
  } catch {
    return 0;
  }
}
