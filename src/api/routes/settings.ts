/** Settings of a cluster's servers: what they are, what a change would do, the change. */
import { Hono } from "hono";

import type { Installation } from "../../contract/installation.ts";
import { changeSettingsRequestSchema } from "../../contract/settings.ts";
import { asked } from "../access/caller.ts";
import { readBody } from "../input.ts";

export function settingRoutes({ settings }: Pick<Installation, "settings">): Hono {
  return new Hono()
    .get("/:cluster/settings", async (c) => c.json(await settings.show(c.req.param("cluster"))))
    .post("/:cluster/settings/plan", async (c) => {
      const request = await readBody(c, changeSettingsRequestSchema);
      return c.json(await settings.plan(c.req.param("cluster"), request));
    })
    .post("/:cluster/settings", async (c) => {
      const request = await readBody(c, changeSettingsRequestSchema);
      return c.json(await settings.change(c.req.param("cluster"), request, asked(c)), 202);
    });
}
