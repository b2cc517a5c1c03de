/**
 * The API's listener for other machines: TLS 1.3, a client certificate is asked for and not demanded (a token will do),
 * renewed certificates are taken up by new connections. Called by server.ts. Whoever connects and says nothing, or
 * slowly, is cut off in seconds, and cannot keep others out.
 */
import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";

import { OpError } from "../errors/op-error.ts";
import { TlsIdentity, type TlsFiles, type TlsMaterial } from "../links/tls-files.ts";
import { endSilent } from "./end-silent.ts";
import { Strangers } from "./access/strangers.ts";
import { shouldUpgradeCallback } from "./tunnels/tunnels.ts";

export interface TlsAddress {
  /** address to listen on */
  readonly host: string;
  /** 0: any that is free */
  readonly port: number;
  readonly tls: TlsFiles;
}

export interface TlsListener {
  readonly port: number;
  readonly strangers: Strangers;
  readonly server: Server;
  close(): Promise<void>;
}

/** Connections that have not shown who they are; and all of them, far beyond what users and hosts need. */
const strangersMax = 500;
const connectionsMax = 4000;
const handshakeMs = 5000;
const headersMs = 5000;
const requestMs = 10_000;
/** Other agents and dashboards keep theirs; after an answer nothing need be said for so long. */
const keepAliveMs = 60_000;
/** Nothing could be sent or received: the other end of a stream is gone. Streams send something every 5 s. */
const silentMs = 60_000;
const lookForRenewedEveryMs = 5000;

/** @throws OpError port-in-use, bad-value when it cannot listen there */
export async function listenTls(
  { host, port, tls }: TlsAddress,
  answer: RequestListener,
  trouble: (error: unknown) => void,
): Promise<TlsListener> {
  const identity = new TlsIdentity(tls, trouble);
  const strangers = new Strangers(strangersMax);
  const server = createServer(
    {
      ...shown(identity.current()),
      minVersion: "TLSv1.3",
      requestCert: true,
      // Refused in words by access/caller.ts, and not by a TLS alert that says nothing.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeMs,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: 1000,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 5000,
      shouldUpgradeCallback,
    },
    answer,
  );
  server.maxConnections = connectionsMax;
  server.setTimeout(silentMs);
  endSilent(server, { event: "secureConnection", restMs: silentMs });
  server.on("connection", (socket) => strangers.add(socket));
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  await listen(server, host, port);
  const renewing = setInterval(() => {
    void identity.refresh().then((isNew) => isNew && server.setSecureContext(shown(identity.current())), trouble);
  }, lookForRenewedEveryMs);
  renewing.unref();
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : port,
    strangers,
    server,
    close: () => {
      clearInterval(renewing);
      return closeServer(server, strangers);
    },
  };
}

/** The authority's certificate goes along, so that somebody who knows only its fingerprint can fetch it. */
function shown({ ca, cert, key }: TlsMaterial): TlsMaterial {
  return { ca, cert: Buffer.concat([cert, Buffer.from("\n"), ca]), key };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    throw new OpError(code === "EADDRINUSE" ? "port-in-use" : "bad-value", {
      message: `the API cannot listen on ${host}, port ${port}`,
      detail: `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`,
      cause,
    });
  }
}

/** Also those that are still shaking hands: Node does not count them yet, and would wait for what they become. */
function closeServer(server: Server, strangers: Strangers): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.on("secureConnection", (socket) => socket.destroy());
    strangers.end();
    server.closeAllConnections();
  });
}
