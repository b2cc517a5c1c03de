/**
 * The port on which this host hears other hosts: mutual TLS, one object a line. Only hosts of the installation are
 * heard: a certificate of the authority with OU=host, and a name that is wanted. Called by the guard. What nobody has
 * vouched for yet is bounded in number and in time.
 */
import { once } from "node:events";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { constants } from "node:crypto";
import { JsonLines } from "./json-lines.ts";
import { peerIdentity } from "./peer-identity.ts";
import type { TlsIdentity, TlsMaterial } from "./tls-files.ts";

const handshakeMs = 3000;
/** A link says something at least each second; one that does not is gone, or was replaced. */
const silentMs = 10_000;
const connectionsMax = 2000;

export interface HostServerOptions {
  readonly identity: TlsIdentity;
  /** whether a host of this name may speak */
  readonly isKnown: (host: string) => boolean;
  /** @returns the reply, if there is one. When it throws the connection ends */
  readonly hear: (host: string, said: unknown) => object | undefined;
  readonly trouble: (error: unknown, from: string) => void;
}

export class HostServer {
  readonly #options: HostServerOptions;
  readonly #server: Server;
  readonly #connections = new Set<TLSSocket>();

  constructor(options: HostServerOptions) {
    this.#options = options;
    this.#server = this.#create(options.identity);
  }

  /** @throws when the port is taken */
  async listen(address: string, port: number): Promise<void> {
    this.#server.listen({ host: address, port });
    await once(this.#server, "listening");
  }

  close(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #create(identity: TlsIdentity): Server {
    let material = identity.current();
    const server = createServer({
      ...contextOptions(material),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: handshakeMs,
      noDelay: true,
    });
    server.maxConnections = connectionsMax;
    server.prependListener("connection", () => {
      const current = identity.current();
      if (current === material) return;
      material = current;
      server.setSecureContext(contextOptions(material));
    });
    server.on("secureConnection", (socket) => this.#accept(socket));
    server.on("tlsClientError", (error, socket) => {
      this.#options.trouble(error, socket.remoteAddress ?? "");
      socket.destroy();
    });
    return server;
  }

  #accept(socket: TLSSocket): void {
    socket.on("error", () => socket.destroy());
    const { isKnown, hear, trouble } = this.#options;
    const caller = peerIdentity(socket);
    const refuse = (message: string): void => {
      trouble(new Error(message), socket.remoteAddress ?? "");
      socket.destroy();
    };
    if (caller?.unit !== "host") return refuse("only hosts of the installation are heard here");
    const { name } = caller;
    if (!isKnown(name)) return refuse(`there is no host "${name}"`);
    this.#connections.add(socket);
    socket.once("close", () => this.#connections.delete(socket));
    socket.setTimeout(silentMs, () => socket.destroy());
    const lines = new JsonLines(socket, (said) => {
      if (!isKnown(name)) return refuse(`there is no host "${name}" any more`);
      const reply = hear(name, said);
      if (reply) lines.send(reply);
    });
  }
}

/** Without tickets: they save no round trip, and a certificate would be looked at less often than it is shown. */
function contextOptions(material: TlsMaterial) {
  return { ...material, minVersion: "TLSv1.3", secureOptions: constants.SSL_OP_NO_TICKET } as const;
}
