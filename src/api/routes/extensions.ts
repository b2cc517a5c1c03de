/** Extensions of a cluster's databases: what there is, what a change would do, and the change. */
import { Hono } from "hono";

import { extensionRequestSchema } from "../../contract/extensions.ts";
import type { Installation } from "../../contract/installation.ts";
import { asked } from "../access/caller.ts";
import { demand } from "../access/roles.ts";
import { readBody } from "../input.ts";

export function extensionRoutes({ extensions }: Pick<Installation, "extensions">): Hono {
  return new Hono()
    .get("/:cluster/extensions", async (c) => c.json(await extensions.list(c.req.param("cluster"))))
    .post("/:cluster/extensions/plan", async (c) => {
      const wish = await readBody(c, extensionRequestSchema);
      return c.json(await extensions.plan(c.req.param("cluster"), wish));
    })
    .post("/:cluster/extensions", async (c) => {
      const wish = await readBody(c, extensionRequestSchema);
      // Programs come to the hosts, and what depends on an extension goes with it.
      if (wish.install || wish.cascade) demand(c, "admin");
      return c.json(await extensions.change(c.req.param("cluster"), wish, asked(c)), 202);
    });
}
