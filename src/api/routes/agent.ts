/** The agent itself: what it is, and its end. */
import { Hono } from "hono";

import type { Installation } from "../../contract/installation.ts";
import { stopAgentRequestSchema } from "../../contract/requests.ts";
import { readBody } from "../input.ts";

export function agentRoutes(installation: Installation): Hono {
  return new Hono()
    .get("/", async (c) => c.json(await installation.agent()))
    .get("/authority", async (c) => c.json({ certificate: await installation.authority() }))
    .post("/stop", async (c) => {
      const { servers } = await readBody(c, stopAgentRequestSchema);
      await installation.stopAgent({ servers });
      return c.json({});
    });
}
