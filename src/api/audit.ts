/**
 * Who changed what, from where, and with what outcome: one event of the audit for every changing request of a caller
 * that is known. Strangers leave none, so that they cannot push out what matters. Called by server.ts.
 */
import type { Context, MiddlewareHandler } from "hono";

import { OpError } from "../errors/op-error.ts";
import type { AuditFields } from "../events/audit-events.ts";
import type { EventLog, EventSelection } from "../events/event-log.ts";
import type { EventRecord } from "../events/event.ts";
import { redact, redactDeep } from "../log/redact.ts";
import type { ApiEnv } from "./access/caller.ts";
import { FloodBook } from "./limits.ts";

export type AuditLog = Pick<EventLog, "emit" | "list">;

const parametersMax = 2000;

export function audit(log: AuditLog): MiddlewareHandler<ApiEnv> {
  const floods = new FloodBook();
  return async (c, next) => {
    const startedAt = performance.now();
    await next();
    const caller = c.get("caller");
    // Reading changes nothing; what an agent hands on is in the audit of that one.
    if (!caller || (isLook(c) && c.get("isNoteworthy") !== true) || caller.role === "host" || caller.isHandedOn) return;
    // A flood would push out what matters; one of it is enough.
    if (c.get("retryAfterSeconds") !== undefined && !floods.note(caller, startedAt)) return;
    const { status } = c.res;
    const parameters = status < 300 ? await parametersOf(c) : {};
    const fields: AuditFields = {
      request: redact(`${c.req.method} ${c.req.path}`),
      parameters: Object.keys(parameters).length === 0 ? "" : JSON.stringify(parameters).slice(0, parametersMax),
      role: caller.role,
      via: caller.via,
      from: caller.address ?? null,
      status,
      error: c.error === undefined ? null : c.error instanceof OpError ? c.error.code : "internal",
    };
    const about = {
      actor: caller.by,
      cluster: clusterOf(c, parameters),
      durationMs: Math.round(performance.now() - startedAt),
    };
    log.emit(outcomeOf(status), about, fields);
  };
}

/** Of a cluster with what concerns the whole installation. Oldest first. */
export function readAudit(log: AuditLog, selection: Omit<EventSelection, "type">): readonly EventRecord[] {
  return log.list({ type: "audit", ...selection });
}

function isLook(c: Context): boolean {
  return c.req.method === "GET" || c.req.method === "HEAD";
}

function outcomeOf(status: number): "audit.done" | "audit.refused" | "audit.failed" {
  if (status < 400) return "audit.done";
  return status < 500 ? "audit.refused" : "audit.failed";
}

/** The route has read and checked the body by now. */
async function parametersOf(c: Context): Promise<Readonly<Record<string, unknown>>> {
  const text = await c.req.text();
  if (text === "") return {};
  const parameters = redactDeep(JSON.parse(text));
  return typeof parameters === "object" && parameters !== null ? { ...parameters } : {};
}

function clusterOf(c: Context, parameters: Readonly<Record<string, unknown>>): string {
  const [, , resource, name = ""] = c.req.path.split("/");
  if (resource !== "clusters") return "";
  if (name !== "") return name;
  return typeof parameters["name"] === "string" ? parameters["name"] : "";
}
