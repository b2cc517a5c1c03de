/**
 * The agent's API: HTTP with JSON under /v1 on a Unix socket that only its owner can open. Made by the agent's entry
 * around the running installation. Never reads or changes anything by itself: it checks what comes in, asks the
 * installation, and says in one shape what failed.
 */
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createServer } from "node:http";

import { versionHeader } from "../contract/error.ts";
import type { Installation } from "../contract/installation.ts";
import { version } from "../config/version.ts";
import { OpError } from "../errors/op-error.ts";
import { asked } from "./caller.ts";
import { describeFailure } from "./errors.ts";
import { agentRoutes } from "./routes/agent.ts";
import { changeRoutes } from "./routes/changes.ts";
import { clusterRoutes } from "./routes/clusters.ts";
import { eventRoutes } from "./routes/events.ts";
import { memberRoutes } from "./routes/members.ts";
import { operationRoutes } from "./routes/operations.ts";
import { listenOnSocket } from "./socket.ts";
import { withSuggestion } from "./suggest.ts";

export interface ApiLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface Api {
  /** @throws OpError agent-running when a living agent has the socket; a dead one's is taken over */
  listen(socketPath: string): Promise<void>;
  /** Ends open requests and streams, and removes the socket. */
  close(): Promise<void>;
}

const bodyBytesMax = 64 * 1024;

export function createApi(installation: Installation, log: ApiLog): Api {
  const app = createApp(installation, log);
  const answer = getRequestListener(app.fetch);
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => void answer(request, response));
  return {
    listen: (socketPath) => listenOnSocket(server, socketPath),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function createApp(installation: Installation, log: ApiLog): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    const startedAt = performance.now();
    c.header(versionHeader, version);
    await next();
    if (c.req.method === "GET") return;
    const took = Math.round(performance.now() - startedAt);
    const fields = { method: c.req.method, path: c.req.path, by: asked(c).by, status: c.res.status, took_ms: took };
    log.info(fields, "change requested");
  });
  app.use(bodyLimit({ maxSize: bodyBytesMax, onError: refuseSize }));
  app.route("/v1/agent", agentRoutes(installation));
  app.route("/v1/clusters", clusterRoutes(installation));
  app.route("/v1/clusters", changeRoutes(installation));
  app.route("/v1/clusters", memberRoutes(installation));
  app.route("/v1/clusters", eventRoutes(installation));
  app.route("/v1/operations", operationRoutes(installation));
  app.notFound((c) => {
    const { body } = describeFailure(new OpError("usage", { message: `there is no ${c.req.method} ${c.req.path}` }));
    return c.json(body, 404);
  });
  app.onError(async (error, c) => {
    const failure = describeFailure(await withSuggestion(error, c.req.path, installation));
    if (failure.isDefect)
      log.error({ method: c.req.method, path: c.req.path, err: error }, "request failed unexpectedly");
    return Response.json(failure.body, { status: failure.status, headers: { [versionHeader]: version } });
  });
  return app;
}

function refuseSize(): Response {
  const { body } = describeFailure(
    new OpError("usage", {
      message: "the request's body is too large",
      detail: `At most ${bodyBytesMax} bytes are read.`,
    }),
  );
  return Response.json(body, { status: 413 });
}
