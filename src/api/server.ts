/**
 * The agent's API: HTTP with JSON under /v1, on a Unix socket that only its owner can open, and for other machines over
 * TLS. Made by the agent's entry around the running installation. Never reads or changes anything by itself: it checks what comes in, asks the
 * installation, and says in one shape what failed.
 */
import { getRequestListener, RequestError } from "@hono/node-server";
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createServer, type RequestListener } from "node:http";
import type { Socket } from "node:net";

import { versionHeader } from "../contract/error.ts";
import type { CertificatesInstallation } from "../contract/certificates.ts";
import type { HostsInstallation } from "../contract/host.ts";
import type { Installation } from "../contract/installation.ts";
import type { PeerApi } from "../contract/peer.ts";
import type { TokensInstallation } from "../contract/tokens.ts";
import { version } from "../config/version.ts";
import { OpError } from "../errors/op-error.ts";
import { openGate, type ApiEnv, type Gate } from "./access/caller.ts";
import { admit, recheckTunnel } from "./access/roles.ts";
import { audit, type AuditLog } from "./audit.ts";
import { describeFailure } from "./errors.ts";
import { endSilent } from "./end-silent.ts";
import { expectGeneration } from "./generation.ts";
import { idempotency, takesKey, type KeptRequests } from "./idempotency.ts";
import { RateLimiter, type RateLimits } from "./limits.ts";
import { listenTls, type TlsAddress, type TlsListener } from "./listen-tls.ts";
import type { ApiParts } from "./route.ts";
import { knowsGenerations } from "./openapi/errors.ts";
import { accessTo, methodsOf, servedRoutes } from "./routes/served.ts";
import { listenOnSocket } from "./socket.ts";
import { withSuggestion } from "./suggest.ts";
import { TunnelBook } from "./tunnels/book.ts";
import { shouldUpgradeCallback, Tunnels } from "./tunnels/tunnels.ts";

export interface ApiLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface ApiOptions {
  /** who may come in over TLS; without it whoever has a certificate of our authority */
  readonly gate?: Gate;
  /** of an installation over several hosts: what the other agents may ask */
  readonly peer?: PeerApi;
  /** of an installation over several hosts; without it the routes of hosts say that there is one host */
  readonly hosts?: HostsInstallation;
  /** where changing requests are written down; without it they stand in the log alone */
  readonly audit?: AuditLog;
  /** requests with an Idempotency-Key; without it the header is ignored */
  readonly requests?: KeptRequests;
  readonly limits?: RateLimits;
  readonly tokens?: TokensInstallation;
  readonly certificates?: CertificatesInstallation;
}

export interface Api {
  /** @throws OpError agent-running when a living agent has the socket; a dead one's is taken over */
  listen(socketPath: string): Promise<void>;
  /** For other machines, besides the socket. @throws OpError port-in-use, bad-value; and when the files cannot be read */
  listenTls(address: TlsAddress): Promise<{ readonly port: number }>;
  /** Ends open requests and streams, and removes the socket. */
  close(): Promise<void>;
}

/** HTTP/1.0 names no host, and no route minds which it is. */
const unnamed = "agent";
const bodyBytesMax = 64 * 1024;
/** Agents tell each other of many members, and of many events. */
const peerBodyBytesMax = 8 * 1024 * 1024;
/** Of those that may bring a script: whoever sends it may run it. */
const copyBodyBytesMax = 1024 * 1024;

export function createApi(installation: Installation, log: ApiLog, options: ApiOptions = {}): Api {
  let remote: TlsListener | undefined;
  const app = createApp(installation, log, { ...options, known: (socket) => remote?.strangers.know(socket) });
  const answer = getRequestListener(app.fetch, { errorHandler: unreadable, hostname: unnamed });
  const listener: RequestListener = (request, response) => void answer(request, response);
  const server = createServer({ ...socketLimits, shouldUpgradeCallback }, listener);
  endSilent(server, { event: "connection", restMs: 0 });
  const tunnels = new Tunnels({
    ask: async (request, env) => app.fetch(request, env),
    recheck: (incoming) => recheckTunnel(incoming, options.gate ?? openGate, accessTo),
  });
  tunnels.serve(server);
  return {
    listen: (socketPath) => listenOnSocket(server, socketPath),
    listenTls: async (address) => {
      const trouble = (error: unknown) => log.error({ err: error }, "certificate cannot be read, the last one stays");
      remote = await listenTls(address, listener, trouble);
      tunnels.serve(remote.server);
      return { port: remote.port };
    },
    close: async () => {
      tunnels.close();
      await remote?.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** Of a request that is no request: an address or headers that nothing can be made of. */
function unreadable(error: unknown): Response {
  const isUnreadable = error instanceof RequestError;
  const failure = isUnreadable ? new OpError("usage", { message: "the request cannot be read", cause: error }) : error;
  const { status, body } = describeFailure(failure);
  return Response.json(body, { status });
}

/** As for other machines: who is slow is cut off. What is open and at rest costs a file descriptor. */
const socketLimits = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1000,
  keepAliveTimeout: 60_000,
} as const;

interface AppOptions extends ApiOptions {
  /** told of connections whose other end has shown who it is */
  readonly known?: (socket: Socket) => void;
}

/** The routes, apart from what they are reached by. */
export function createApp(
  installation: Installation,
  log: ApiLog,
  {
    gate = openGate,
    known = () => {},
    peer,
    hosts,
    audit: auditLog,
    tokens,
    certificates,
    requests,
    limits,
  }: AppOptions,
): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.use(async (c, next) => {
    const startedAt = performance.now();
    c.header(versionHeader, version);
    await next();
    if (c.req.method === "GET" || c.req.path.startsWith("/v1/peer/")) return;
    const took = Math.round(performance.now() - startedAt);
    const by = c.get("caller")?.by ?? "nobody";
    const fields = { method: c.req.method, path: c.req.path, by, status: c.res.status, took_ms: took };
    log.info(fields, "change requested");
  });
  if (auditLog) app.use(audit(auditLog));
  app.use(admit({ gate, known, accessTo, limiter: new RateLimiter(limits) }));
  app.use((c, next) => limitFor(c.req.path)(c, next));
  const parts: ApiParts = {
    installation,
    peer,
    hosts,
    tokens,
    certificates,
    audit: auditLog,
    tunnels: new TunnelBook(),
  };
  const generation = expectGeneration(installation);
  const keys = requests === undefined ? [] : [idempotency(requests)];
  for (const route of servedRoutes) {
    const { method, path, handle } = route;
    const before = [...(takesKey(route) ? keys : []), ...(knowsGenerations(route) ? [generation] : [])];
    app.on(method, [path], ...before, (c) => handle(c, parts));
  }
  app.notFound((c) => notServed(c));
  app.onError(async (error, c) => {
    const failure = describeFailure(await withSuggestion(error, c.req.path, installation));
    if (failure.isDefect)
      log.error({ method: c.req.method, path: c.req.path, err: error }, "request failed unexpectedly");
    const wait = c.get("retryAfterSeconds");
    const headers = { [versionHeader]: version, ...(wait === undefined ? {} : { "retry-after": String(wait) }) };
    return Response.json(failure.body, { status: failure.status, headers });
  });
  return app;
}

/** A path that there is, with another method, is told so. */
function notServed(c: Context): Response {
  const { method, path } = c.req;
  const methods = methodsOf(path);
  if (methods.length === 0)
    return c.json(describeFailure(new OpError("usage", { message: `there is no ${method} ${path}` })).body, 404);
  const error = new OpError("method-not-allowed", {
    message: `there is no ${method} ${path}`,
    hint: `It can be used with ${methods.join(" and ")}.`,
  });
  return c.json(describeFailure(error).body, 405, { allow: methods.join(", ") });
}

const limitBody = bodyLimit({ maxSize: bodyBytesMax, onError: refuseSize });
const limitPeerBody = bodyLimit({ maxSize: peerBodyBytesMax, onError: refuseSize });
const limitCopyBody = bodyLimit({ maxSize: copyBodyBytesMax, onError: refuseSize });

function limitFor(path: string): typeof limitBody {
  if (path.startsWith("/v1/peer/")) return limitPeerBody;
  return /\/(forks|restores)$/.test(path) ? limitCopyBody : limitBody;
}

function refuseSize(): Response {
  const { body } = describeFailure(
    new OpError("usage", {
      message: "the request's body is too large",
      detail: `At most ${bodyBytesMax} bytes are read, of agents ${peerBodyBytesMax}.`,
    }),
  );
  return Response.json(body, { status: 413 });
}
