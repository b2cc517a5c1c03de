/** Storage of a cluster: its volumes. */
import { Hono } from "hono";

import type { Installation } from "../../contract/installation.ts";
import { nothingSchema } from "../../contract/requests.ts";
import { extendRequestSchema, hereQuerySchema } from "../../contract/storage.ts";
import { asked } from "../access/caller.ts";
import { readBody, readQuery } from "../input.ts";

export function storageRoutes({ storage }: Pick<Installation, "storage">): Hono {
  return new Hono()
    .get("/:cluster/volumes", async (c) =>
      c.json(await storage.volumes(c.req.param("cluster"), readQuery(c, hereQuerySchema))),
    )
    .post("/:cluster/volumes/extend", async (c) => {
      const request = await readBody(c, extendRequestSchema);
      return c.json(await storage.extendVolumes(c.req.param("cluster"), request, asked(c)));
    })
    .post("/:cluster/volumes/apply", async (c) => {
      await readBody(c, nothingSchema);
      return c.json(await storage.applyVolumes(c.req.param("cluster")));
    });
}
