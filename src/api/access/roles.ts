/**
 * The least role for every route of the API, in one table; a test holds that each route has its line. What depends on
 * more than the route (who may accept a loss of data) is checked by the route itself with `demand`.
 */
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

import { includesRole, type Role } from "../../domain/caller.ts";
import { OpError } from "../../errors/op-error.ts";
import { callerOf, identify, nobody, type ApiEnv, type Caller, type Gate } from "./caller.ts";

/** anyone: needs no name. host: only agents of the installation, for themselves. */
export type Access = Role | "host" | "anyone";

export const leastRole: Readonly<Record<string, Access>> = {
  "GET /v1/agent": "viewer",
  "GET /v1/agent/authority": "viewer",
  "POST /v1/agent/stop": "admin",

  "GET /v1/clusters": "viewer",
  "POST /v1/clusters": "operator",
  "GET /v1/clusters/:cluster": "viewer",
  "DELETE /v1/clusters/:cluster": "admin",
  "GET /v1/clusters/:cluster/stream": "viewer",
  "GET /v1/clusters/:cluster/explain": "viewer",
  "GET /v1/clusters/:cluster/logs": "viewer",
  "GET /v1/clusters/:cluster/connection": "viewer",
  "GET /v1/clusters/:cluster/candidates": "viewer",
  "GET /v1/clusters/:cluster/tunnel": "operator",
  "POST /v1/clusters/:cluster/tunnel": "operator",
  "GET /v1/clusters/:cluster/events": "viewer",
  "GET /v1/clusters/:cluster/events/stream": "viewer",
  "GET /v1/clusters/:cluster/downtime": "viewer",
  "GET /v1/clusters/:cluster/version": "viewer",
  "GET /v1/clusters/:cluster/upgrade": "viewer",
  "POST /v1/clusters/:cluster/upgrade": "operator",
  "POST /v1/clusters/:cluster/stop": "operator",
  "POST /v1/clusters/:cluster/start": "operator",
  "POST /v1/clusters/:cluster/restart": "operator",
  "POST /v1/clusters/:cluster/pause": "operator",
  "POST /v1/clusters/:cluster/resume": "operator",
  "POST /v1/clusters/:cluster/autostop": "operator",
  "POST /v1/clusters/:cluster/switchover": "operator",
  "POST /v1/clusters/:cluster/failover": "operator",
  "POST /v1/clusters/:cluster/scale": "operator",
  "POST /v1/clusters/:cluster/scale/plan": "viewer",
  "POST /v1/clusters/:cluster/attachments": "operator",
  "POST /v1/clusters/:cluster/attachments/:app/handed-over": "operator",
  "DELETE /v1/clusters/:cluster/attachments/:app": "operator",
  "GET /v1/clusters/:cluster/databases": "viewer",
  "POST /v1/clusters/:cluster/databases": "operator",
  "DELETE /v1/clusters/:cluster/databases/:database": "admin",
  "GET /v1/clusters/:cluster/users": "viewer",
  "POST /v1/clusters/:cluster/users": "operator",
  "DELETE /v1/clusters/:cluster/users/:user": "operator",
  "POST /v1/clusters/:cluster/users/:user/grant": "operator",
  "POST /v1/clusters/:cluster/users/:user/rotate": "operator",
  "POST /v1/clusters/:cluster/forks": "operator",
  "GET /v1/clusters/:cluster/snapshots": "viewer",
  "POST /v1/clusters/:cluster/snapshots": "operator",
  "POST /v1/clusters/:cluster/snapshots/policy": "operator",
  "DELETE /v1/clusters/:cluster/snapshots/:snapshot": "admin",
  "GET /v1/clusters/:cluster/volumes": "viewer",
  "POST /v1/clusters/:cluster/volumes/extend": "operator",
  "POST /v1/clusters/:cluster/volumes/apply": "operator",
  "GET /v1/clusters/:cluster/extensions": "viewer",
  "POST /v1/clusters/:cluster/extensions/plan": "operator",
  "POST /v1/clusters/:cluster/extensions": "operator",
  "GET /v1/clusters/:cluster/settings": "viewer",
  "POST /v1/clusters/:cluster/settings": "operator",
  "POST /v1/clusters/:cluster/settings/plan": "viewer",
  "GET /v1/clusters/:cluster/members": "viewer",
  "POST /v1/clusters/:cluster/members": "operator",
  "DELETE /v1/clusters/:cluster/members/:member": "operator",
  "POST /v1/clusters/:cluster/members/:member/reclone": "operator",

  "GET /v1/clusters/:cluster/imports": "viewer",
  "POST /v1/clusters/:cluster/imports": "operator",
  "POST /v1/clusters/:cluster/imports/check": "operator",
  "POST /v1/clusters/:cluster/imports/cutover": "operator",
  "POST /v1/clusters/:cluster/imports/abandon": "operator",

  "GET /v1/operations/:id": "viewer",
  "GET /v1/operations/:id/stream": "viewer",

  "GET /v1/audit": "operator",
  "GET /v1/tokens": "admin",
  "POST /v1/tokens": "admin",
  "DELETE /v1/tokens/:id": "admin",

  "GET /v1/certificates": "admin",
  "POST /v1/certificates": "admin",
  "DELETE /v1/certificates/:id": "admin",

  "GET /v1/join": "anyone",
  "POST /v1/join": "anyone",
  "POST /v1/join/check": "anyone",
  "POST /v1/join-tokens": "admin",
  "DELETE /v1/join-tokens/:id": "admin",
  "GET /v1/hosts": "viewer",
  "POST /v1/hosts/rebuild-store": "admin",
  "GET /v1/hosts/settings": "viewer",
  "POST /v1/hosts/settings": "admin",
  "POST /v1/hosts/:host/labels": "admin",
  "POST /v1/hosts/:host/drain": "admin",
  "POST /v1/hosts/:host/undrain": "admin",
  "DELETE /v1/hosts/:host": "admin",

  "POST /v1/peer/reach": "host",
  "POST /v1/peer/certificate": "host",
  "POST /v1/peer/place": "host",
  "POST /v1/peer/:what": "host",
};

/** Finds out who asks, and lets the request through only to a route that the caller's role allows. */
export function admit(gate: Gate, known: (socket: Socket) => void): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const caller = identify(c.env.incoming, gate, Date.now());
    c.set("caller", caller);
    if (caller !== undefined) known(c.env.incoming.socket);
    const needed = neededFor(c);
    if (needed !== undefined && needed !== "anyone") check(caller, needed);
    // Not even which routes there are is told to a stranger.
    else if (needed === undefined && caller === undefined) throw nobody();
    await next();
  };
}

/** Whether who opened a tunnel may still have it. @throws OpError not-authenticated, not-allowed */
export function recheckTunnel(incoming: IncomingMessage, gate: Gate): void {
  const access = accessTo({ method: "GET", path: "/v1/clusters/:cluster/tunnel" });
  if (access !== "anyone") check(identify(incoming, gate, Date.now()), access);
}

/** @throws OpError not-allowed, for what the route's own role is too little for */
export function demand(c: Context, least: Role): void {
  check(callerOf(c), least);
}

/** As the router matched it, so that no second reading of the path can come to another end. */
function neededFor(c: Context): Access | undefined {
  const route = matchedRoutes(c).find(({ method }) => method !== "ALL");
  return route === undefined ? undefined : accessTo(route);
}

/** @throws an Error for a route that has no line in the table: it is never open by mistake */
export function accessTo({ method, path }: { readonly method: string; readonly path: string }): Access {
  const needed = leastRole[`${method} ${path}`];
  if (needed === undefined) throw new Error(`route ${method} ${path} has no least role`);
  return needed;
}

function check(caller: Caller | undefined, least: Role | "host"): void {
  if (caller === undefined) throw nobody();
  const { by, role } = caller;
  if (least === "host" ? role === "host" : role !== "host" && includesRole(role, least)) return;
  throw new OpError("not-allowed", {
    message: least === "host" ? "only hosts of the installation may ask this" : `"${by}" may not do this`,
    ...(least === "host"
      ? {}
      : {
          detail: `It needs the role ${least}; the caller's is ${role}.`,
          hint: "Ask an admin; or do it as root on a host itself.",
        }),
  });
}
