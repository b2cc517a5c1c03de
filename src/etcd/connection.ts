/**
 * One HTTP/2 connection to one etcd server. It never connects again by itself: whoever asks over it knows that the
 * server is the one that was checked, and that a request which cannot be put on it has not left. Used by session.ts.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import type { GrpcTransportOptions } from "@connectrpc/connect-node";
import { NotSent } from "./failure.ts";

export interface TlsOptions {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

type SessionManager = NonNullable<GrpcTransportOptions["sessionManager"]>;

export class EtcdConnection implements SessionManager {
  readonly authority: string;
  readonly #http2: ClientHttp2Session;
  #heardAt = performance.now();

  /** @throws NotSent when there is no connection before `signal` aborts */
  static async open(url: string, tls: TlsOptions | undefined, signal: AbortSignal): Promise<EtcdConnection> {
    const http2 = connect(url, tls);
    // Without a listener a late error, of a connection that nobody waits for, would end the process.
    http2.on("error", () => undefined);
    try {
      await connected(http2, signal);
    } catch (error) {
      http2.destroy();
      throw new NotSent(`could not connect to ${url}`, error);
    }
    return new EtcdConnection(new URL(url).origin, http2);
  }

  private constructor(authority: string, http2: ClientHttp2Session) {
    this.authority = authority;
    this.#http2 = http2;
  }

  get isOpen(): boolean {
    return !this.#http2.closed && !this.#http2.destroyed;
  }

  /** monotonic: when the server was last heard of */
  get heardAt(): number {
    return this.#heardAt;
  }

  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, "signal">,
  ): Promise<ClientHttp2Stream> {
    if (!this.isOpen) throw new NotSent("the connection is closed");
    const stream = this.#http2.request({ ...headers, ":method": method, ":path": path }, options);
    stream.once("response", () => this.notifyResponseByteRead());
    return stream;
  }

  notifyResponseByteRead(): void {
    this.#heardAt = performance.now();
  }

  /** Ends it and all that waits for an answer over it. */
  end(): void {
    // Without an error Node ends the streams in silence, and whoever waits for one waits on.
    this.#http2.destroy(new Error("the connection was given up"), constants.NGHTTP2_CANCEL);
  }
}

function connected(http2: ClientHttp2Session, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const late = () => reject(new Error("no connection in time"));
  if (signal.aborted) late();
  signal.addEventListener("abort", late, { once: true });
  http2.once("connect", () => resolve());
  http2.once("error", (error: Error) => reject(error));
  http2.once("close", () => reject(new Error("closed while it was opened")));
  return promise.finally(() => signal.removeEventListener("abort", late));
}
