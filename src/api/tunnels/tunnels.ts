/**
 * Connections of clients that come over the API: an upgraded request becomes a connection to this host's own endpoint,
 * and from then on bytes move both ways. Made by server.ts. Whether somebody may do so is decided by the routes, as for
 * any request, and looked at again and again while the connection lives.
 */
import type { IncomingMessage, Server } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

import { tunnelProtocol } from "../../contract/tunnel.ts";
import { OpError } from "../../errors/op-error.ts";
import { joinSockets } from "../../links/join-sockets.ts";
import { describeFailure } from "../errors.ts";

/** What the route says of an upgraded request that may go on. */
export interface TunnelWish {
  to: { readonly host: string; readonly port: number } | undefined;
}

export interface TunnelOptions {
  /** the API's routes; the wish gets its `to` when the request is let through */
  readonly ask: (request: Request, env: { incoming: IncomingMessage; tunnel: TunnelWish }) => Promise<Response>;
  /** @throws when who asked may do so no more */
  readonly recheck: (incoming: IncomingMessage) => void;
}

/** Far beyond what people open by hand; each costs this host a connection in and one out. */
const tunnelsMax = 1000;
const dialMs = 5000;
const recheckEveryMs = 2000;

/** For a server's options: whoever wants to become something else is answered as if it had not said so. */
export function shouldUpgradeCallback({ headers }: IncomingMessage): boolean {
  return headers.upgrade === tunnelProtocol;
}

export class Tunnels {
  readonly #options: TunnelOptions;
  readonly #open = new Map<Duplex, IncomingMessage>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#recheck(), recheckEveryMs).unref();
  }

  /** Takes the upgraded requests of one listener; what wants to become something else stays an ordinary request. */
  serve(server: Server): void {
    server.on("upgrade", (request, socket, head) => {
      socket.on("error", () => socket.destroy());
      this.#begin(request, socket, head).catch((error: unknown) => refuse(socket, describeFailure(error).body, 500));
    });
  }

  close(): void {
    clearInterval(this.#timer);
    for (const socket of this.#open.keys()) socket.destroy();
  }

  async #begin(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const wish: TunnelWish = { to: undefined };
    const url = new URL(incoming.url ?? "/", "http://agent");
    const answer = await this.#options.ask(new Request(url), { incoming, tunnel: wish });
    if (wish.to === undefined) return refuse(socket, await answer.text(), answer.status);
    if (this.#open.size >= tunnelsMax) return refuseWith(socket, tooMany());
    this.#open.set(socket, incoming);
    socket.once("close", () => this.#open.delete(socket));
    if (socket.destroyed) return void this.#open.delete(socket);
    const server = await dial(wish.to).catch((error: unknown) => refuseWith(socket, unreachable(error)));
    if (server === undefined) return;
    if (socket.destroyed) return void server.destroy();
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${tunnelProtocol}\r\n\r\n`);
    // The listener's limits are for those who say nothing; an idle session may.
    if ("setTimeout" in socket && typeof socket.setTimeout === "function") socket.setTimeout(0);
    // HTTP over TLS does not need it; a client may say that it is done, and wait for the answer.
    socket.allowHalfOpen = true;
    if (head.length > 0) server.write(head);
    joinSockets(socket, server);
  }

  /** A certificate that was revoked, or has expired, ends what was opened with it. */
  #recheck(): void {
    for (const [socket, incoming] of this.#open) {
      try {
        this.#options.recheck(incoming);
      } catch {
        socket.destroy();
      }
    }
  }
}

function dial({ host, port }: { readonly host: string; readonly port: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const server = connect({ host, port, allowHalfOpen: true, noDelay: true, keepAlive: true });
    const timer = setTimeout(() => server.destroy(new Error(`no answer within ${dialMs} ms`)), dialMs);
    server.once("error", reject);
    server.once("close", () => clearTimeout(timer));
    server.once("connect", () => {
      clearTimeout(timer);
      server.off("error", reject);
      resolve(server);
    });
  });
}

function tooMany(): OpError {
  return new OpError("too-many-connections", {
    message: `this host carries ${tunnelsMax} connections of tunnels already`,
    hint: "Applications connect to the endpoint itself; matriarch uri prints its URI.",
  });
}

function unreachable(cause: unknown): OpError {
  return new OpError("router-unreachable", {
    message: "the endpoint does not answer",
    detail: `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`,
    hint: "The router is started again by itself; try again.",
    cause,
  });
}

function refuseWith(socket: Duplex, error: OpError): undefined {
  const { body, status } = describeFailure(error);
  refuse(socket, body, status);
}

/** An ordinary answer, and the end of the connection. */
function refuse(socket: Duplex, body: object | string, status: number): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} Refused`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${text}`);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), 2000).unref();
  socket.once("close", () => clearTimeout(timer));
}
