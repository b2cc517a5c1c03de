/** The audit, to be read. */
import { z } from "zod";

import { eventSchema } from "../../contract/cluster.ts";
import { auditQuerySchema } from "../../contract/requests.ts";
import { readAudit } from "../audit.ts";
import { nameNextPage, readEventPlace } from "../pages.ts";
import { route } from "../route.ts";
import { placeBefore } from "./events.ts";

export const auditRoutes = [
  route(
    "GET /v1/audit",
    {
      id: "listAudit",
      role: "operator",
      does: "Gives what was asked for: when, by whom, from where, and with which outcome; `Link` leads to older ones.",
      query: auditQuerySchema,
      answer: z.array(eventSchema).readonly(),
    },
    async ({ query: { cluster, after_id, limit, cursor }, c }, { audit }) => {
      const selection = {
        limit,
        ...(cluster === undefined ? {} : { cluster }),
        ...(after_id === undefined ? {} : { afterId: after_id }),
        ...(cursor === undefined ? {} : { before: readEventPlace(cursor) }),
      };
      const page = audit === undefined ? [] : readAudit(audit, selection);
      nameNextPage(c, placeBefore(page, limit));
      // A list of a cluster has what concerns the whole installation, too.
      return page.filter((event) => cluster === undefined || event.cluster === cluster);
    },
  ),
];
