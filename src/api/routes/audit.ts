/** The audit, to be read. */
import { Hono } from "hono";

import { auditQuerySchema } from "../../contract/requests.ts";
import { listAudit, type AuditLog } from "../audit.ts";
import { readQuery } from "../input.ts";

export function auditRoutes(log: AuditLog): Hono {
  return new Hono().get("/", (c) => {
    const { cluster, after_id, limit } = readQuery(c, auditQuerySchema);
    const selection = {
      limit,
      ...(cluster === undefined ? {} : { cluster }),
      ...(after_id === undefined ? {} : { afterId: after_id }),
    };
    return c.json(listAudit(log, selection));
  });
}
