/**
 * Lets a request through only with the role that its route needs, as the route says it (route.ts). What depends on more
 * than the route (who may accept a loss of data) is checked by the route itself with `demand`.
 */
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

import { includesRole, type Role } from "../../domain/caller.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Access } from "../route.ts";
import { tooMany, type RateLimiter } from "../limits.ts";
import { callerOf, identify, nobody, type ApiEnv, type Caller, type Gate } from "./caller.ts";

/** The least role of a route, as hono names it. @throws an Error for one that nobody has described: it is never open by mistake */
export type AccessTo = (route: { readonly method: string; readonly path: string }) => Access;

export interface Admission {
  readonly gate: Gate;
  /** told of connections whose other end has shown who it is */
  readonly known: (socket: Socket) => void;
  readonly accessTo: AccessTo;
  readonly limiter: RateLimiter;
}

/** Finds out who asks, and lets the request through only to a route that the caller's role allows. */
export function admit({ gate, known, accessTo, limiter }: Admission): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const caller = identifyWithin(c, gate, limiter);
    if (caller !== undefined) known(c.env.incoming.socket);
    const needed = neededFor(c, accessTo);
    if (needed !== undefined && needed !== "anyone") check(caller, needed);
    // Not even which routes there are is told to a stranger.
    else if (needed === undefined && caller === undefined) throw nobody();
    await next();
  };
}

/** Who shows something that is not good counts as somebody who shows nothing. */
function identifyWithin(c: Context<ApiEnv>, gate: Gate, limiter: RateLimiter): Caller | undefined {
  const { incoming } = c.env;
  const take = (caller: Caller | undefined): void => {
    const waitSeconds = limiter.take(caller, incoming.socket.remoteAddress);
    if (waitSeconds === 0) return;
    c.set("retryAfterSeconds", waitSeconds);
    throw tooMany(waitSeconds);
  };
  let caller: Caller | undefined;
  try {
    caller = identify(incoming, gate, Date.now());
  } catch (error) {
    take(undefined);
    throw error;
  }
  c.set("caller", caller);
  take(caller);
  return caller;
}

/** Whether who opened a tunnel may still have it. @throws OpError not-authenticated, not-allowed */
export function recheckTunnel(incoming: IncomingMessage, gate: Gate, accessTo: AccessTo): void {
  const access = accessTo({ method: "GET", path: "/v1/clusters/:cluster/tunnel" });
  if (access !== "anyone") check(identify(incoming, gate, Date.now()), access);
}

/** @throws OpError not-allowed, for what the route's own role is too little for */
export function demand(c: Context, least: Role): void {
  check(callerOf(c), least);
}

/** As the router matched it, so that no second reading of the path can come to another end. */
function neededFor(c: Context, accessTo: AccessTo): Access | undefined {
  const found = matchedRoutes(c).find(({ method }) => method !== "ALL");
  return found === undefined ? undefined : accessTo(found);
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
