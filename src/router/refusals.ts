/** What clients are told when they cannot have a session, or no longer. Wording and SQLSTATEs follow Postgres. Pure. */
import type { ErrorFields } from "../links/fatal.ts";
import type { SessionOptions } from "./session-options.ts";
import type { EndpointConfig, EndpointKind, Route } from "./wire.ts";

/** Roles of the installation itself: they come over a member's Unix socket and never through an endpoint. */
const internalRoles: readonly string[] = ["matriarch", "matriarch_replication"];

export function internalRole(parameters: ReadonlyMap<string, string>): ErrorFields | undefined {
  const user = parameters.get("user") ?? "";
  if (!internalRoles.includes(user)) return undefined;
  return { code: "28000", message: `role "${user}" cannot connect through an endpoint` };
}

export const tooManyClients: ErrorFields = { code: "53300", message: "sorry, too many clients already" };

/** There are servers, and none is as new as the session wants. */
export function tooOld(config: EndpointConfig, maxLagMs: number): ErrorFields {
  return {
    code: "57P03",
    message: `no server of cluster "${config.cluster}" is within ${maxLagMs / 1000} s of the primary`,
    hint: "Try again, or give matriarch.max_lag more.",
  };
}

export function timedOut(config: EndpointConfig, route: Route, waitedMs: number): ErrorFields {
  return {
    code: "57P03",
    message: route.message ?? `cluster "${config.cluster}" has no server for this connection at the moment`,
    detail: `The connection waited ${waitedMs / 1000} s for ${waitedFor[config.kind]}.`,
    hint: `Try again; "matriarch explain ${config.cluster}" says what is missing.`,
  };
}

const waitedFor: Readonly<Record<EndpointKind, string>> = {
  primary: "the primary",
  read: "a server to read from",
  pooled: "the pooler",
};

const moves: Readonly<Record<EndpointKind, Omit<ErrorFields, "code">>> = {
  primary: {
    message: "terminating connection because the primary has moved",
    hint: "Connect again: this endpoint leads to the new primary.",
  },
  read: {
    message: "terminating connection because its server no longer serves reads",
    hint: "Connect again: this endpoint leads to another server.",
  },
  pooled: {
    message: "terminating connection because the pooler has ended",
    hint: "Connect again: this endpoint leads to the new one.",
  },
};

/** Its turn did not come: there is a server, which takes new sessions more slowly than they arrive. */
export function crowded(config: EndpointConfig, waitedMs: number, before: number): ErrorFields {
  return {
    code: "57P03",
    message: `cluster "${config.cluster}" takes new connections more slowly than they arrive`,
    detail: `The connection waited ${waitedMs / 1000} s for its turn; ${before} others wait.`,
    hint: "Try again; a connection pool keeps sessions open instead of opening many at once.",
  };
}

/** What it reads would not hold what the client has asked for. */
export function notYetThere(
  member: string,
  { afterLsn, waitMs }: SessionOptions,
  reason: "late" | "refused",
): ErrorFields {
  if (reason === "refused")
    return {
      code: "57P03",
      message: `server "${member}" does not say how far it is`,
      hint: "A session with matriarch.after_lsn must be one that takes queries.",
    };
  return {
    code: "57P03",
    message: `server "${member}" has not come to ${afterLsn ?? ""} of the log within ${waitMs / 1000} s`,
    hint: "Try again, read from the primary endpoint, or give it longer with matriarch.wait.",
  };
}

export function closed(config: EndpointConfig, route: Route): ErrorFields {
  return {
    code: "57P03",
    message: route.message ?? `cluster "${config.cluster}" takes no connections`,
    hint: `"matriarch status ${config.cluster}" says why.`,
  };
}

export function moved(config: EndpointConfig): ErrorFields {
  return { code: "57P01", ...moves[config.kind] };
}

export function removed(config: EndpointConfig): ErrorFields {
  return {
    code: "57P01",
    message: `terminating connection because this endpoint of cluster "${config.cluster}" is closed`,
  };
}
