/**
 * The relay's port: other hosts ask here for members of this one. Made by relay.ts. Only a host of the installation is
 * heard at all: its certificate must be of the authority and say OU=host. What nobody has vouched for yet is bounded in
 * number and in time, and costs no server anything.
 */
import { connect, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createServer, type TLSSocket } from "node:tls";
import { constants } from "node:crypto";
import { listen } from "../links/listen.ts";
import type { Log } from "../links/log.ts";
import { peerIdentity, type PeerIdentity } from "../links/peer-identity.ts";
import { relayKeepAliveMs } from "../links/relay-dial.ts";
import { FirstLine, formatLine, parseHello, type RelayHello } from "../links/relay-hello.ts";
import type { TlsIdentity, TlsMaterial } from "../links/tls-files.ts";
import type { Connections } from "./connections.ts";
import { Pipe } from "./pipe.ts";
import type { RelayMember } from "./wire.ts";

/** From the connection's first byte to a checked certificate, and from there to a whole hello. */
const handshakeMs = 10_000;
const helloMs = 5000;
/** A server on this machine takes a connection at once, or has too many. */
const connectMs = 2000;
const lingerMs = 2000;
/** Connections whose certificate has not been checked yet; those beyond are dropped. */
const shakingHandsMax = 500;

export interface IncomingOptions {
  readonly identity: TlsIdentity;
  readonly connections: Connections;
  readonly log: Log;
  /** belongs to the installation still */
  readonly isKnown: (caller: PeerIdentity) => boolean;
  readonly find: (member: string) => RelayMember | undefined;
}

export class Incoming {
  readonly #options: IncomingOptions;
  readonly #server: Server;
  #shakingHands = 0;

  constructor(options: IncomingOptions) {
    this.#options = options;
    this.#server = this.#createServer(options.identity);
  }

  /** @throws OpError port-in-use */
  listen(address: string, port: number, sharePort: boolean): Promise<void> {
    return listen(this.#server, address, port, sharePort);
  }

  /** Takes no new connections; those that are open go on. */
  close(): void {
    this.#server.close();
  }

  #createServer(identity: TlsIdentity): Server {
    let material = identity.current();
    const server = createServer({
      ...contextOptions(material),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: handshakeMs,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: relayKeepAliveMs,
    });
    server.prependListener("connection", (raw: Socket) => {
      this.#shakingHands += 1;
      if (this.#shakingHands > shakingHandsMax) raw.destroy();
      const current = identity.current();
      if (current === material) return;
      material = current;
      server.setSecureContext(contextOptions(material));
    });
    server.on("secureConnection", (client) => {
      this.#shakingHands -= 1;
      void this.#accept(client);
    });
    server.on("tlsClientError", (error, client) => {
      this.#shakingHands -= 1;
      this.#options.log.error("caller refused", { from: client.remoteAddress, error });
      client.destroy();
    });
    return server.on("error", () => undefined);
  }

  async #accept(client: TLSSocket): Promise<void> {
    client.on("error", () => client.destroy());
    const caller = peerIdentity(client);
    if (caller?.unit !== "host" || !this.#options.isKnown(caller)) {
      this.#options.log.error("caller refused", { from: client.remoteAddress, name: caller?.name, unit: caller?.unit });
      return this.#refuse(client, "only hosts of the installation are heard here");
    }
    try {
      const { line, rest } = await readHello(client);
      this.#lead(client, caller.name, parseHello(line), rest);
    } catch (error) {
      this.#options.log.error("no hello", { host: caller.name, error });
      this.#refuse(client, "that is not what a relay is asked");
    }
  }

  #lead(client: TLSSocket, host: string, hello: RelayHello, rest: Buffer): void {
    const { connections, find } = this.#options;
    const member = find(hello.member);
    if (!member) return this.#refuse(client, `member "${hello.member}" is not on this host`);
    const pipe = new Pipe(client, () => connections.remove(pipe));
    connections.add(pipe, { direction: "in", member: hello.member, host });
    const server = connect({
      ...addressOf(member, hello.via),
      allowHalfOpen: true,
      noDelay: true,
      onread: pipe.onread,
    });
    const timer = setTimeout(() => server.destroy(new Error("it takes no connection")), connectMs);
    server.on("error", (error) => {
      if (pipe.isUnanswered && !client.writableEnded) {
        this.#refuse(client, `server of member "${hello.member}": ${error.message}`);
      }
      server.destroy();
    });
    server.once("close", () => clearTimeout(timer));
    server.once("connect", () => {
      clearTimeout(timer);
      client.write(formatLine({ ok: true }));
      pipe.open(rest);
    });
    pipe.server = server;
  }

  #refuse(client: TLSSocket, message: string): void {
    client.end(formatLine({ ok: false, message }));
    client.resume();
    const timer = setTimeout(() => client.destroy(), lingerMs);
    client.once("close", () => clearTimeout(timer));
  }
}

/** The first line, and what came behind it; the client is paused. */
function readHello(client: TLSSocket): Promise<{ readonly line: string; readonly rest: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ line: string; rest: Buffer }>();
  const first = new FirstLine();
  const timer = setTimeout(() => reject(new Error("out of time")), helloMs);
  const onClose = () => reject(new Error("it went away"));
  const onData = (chunk: Buffer) => {
    try {
      const found = first.take(chunk);
      if (!found) return;
      client.pause();
      resolve(found);
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  };
  client.on("data", onData).once("end", onClose).once("close", onClose);
  return promise.finally(() => {
    clearTimeout(timer);
    client.off("data", onData).off("end", onClose).off("close", onClose);
  });
}

function addressOf(member: RelayMember, via: RelayHello["via"]) {
  return via === "tcp"
    ? { host: "127.0.0.1", port: member.port }
    : { path: join(member.socketDirectory, `.s.PGSQL.${member.port}`) };
}

/** Without tickets: a connection is never taken on the strength of one that was checked earlier. */
function contextOptions(material: TlsMaterial) {
  return { ...material, minVersion: "TLSv1.3", secureOptions: constants.SSL_OP_NO_TICKET } as const;
}
