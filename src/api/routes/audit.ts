/** The audit, to be read. */
import { z } from "zod";

import { eventSchema } from "../../contract/cluster.ts";
import { auditQuerySchema } from "../../contract/requests.ts";
import { listAudit } from "../audit.ts";
import { route } from "../route.ts";

export const auditRoutes = [
  route(
    "GET /v1/audit",
    {
      id: "listAudit",
      role: "operator",
      does: "Gives what was asked for: when, by whom, from where, and with which outcome.",
      query: auditQuerySchema,
      answer: z.array(eventSchema).readonly(),
    },
    async ({ query: { cluster, after_id, limit } }, { audit }) => {
      const selection = {
        limit,
        ...(cluster === undefined ? {} : { cluster }),
        ...(after_id === undefined ? {} : { afterId: after_id }),
      };
      return audit === undefined ? [] : listAudit(audit, selection);
    },
  ),
];
