/** Storage of a cluster: its volumes, its snapshots, and copies of the whole. */
import { Hono } from "hono";

import type { Installation } from "../../contract/installation.ts";
import { nothingSchema } from "../../contract/requests.ts";
import {
  extendRequestSchema,
  forkRequestSchema,
  hereQuerySchema,
  snapshotPolicyRequestSchema,
  snapshotRequestSchema,
} from "../../contract/storage.ts";
import { asked } from "../access/caller.ts";
import { readBody, readQuery } from "../input.ts";

export function storageRoutes({ storage }: Pick<Installation, "storage">): Hono {
  return new Hono()
    .get("/:cluster/snapshots", async (c) =>
      c.json(await storage.snapshots(c.req.param("cluster"), readQuery(c, hereQuerySchema))),
    )
    .post("/:cluster/snapshots", async (c) => {
      const request = await readBody(c, snapshotRequestSchema);
      return c.json(await storage.takeSnapshot(c.req.param("cluster"), request, asked(c)), 202);
    })
    .post("/:cluster/snapshots/policy", async (c) => {
      const request = await readBody(c, snapshotPolicyRequestSchema);
      return c.json(await storage.changeSnapshotPolicy(c.req.param("cluster"), request, asked(c)));
    })
    .delete("/:cluster/snapshots/:snapshot", async (c) => {
      const query = readQuery(c, hereQuerySchema);
      await storage.deleteSnapshot(c.req.param("cluster"), c.req.param("snapshot"), query, asked(c));
      return c.json({});
    })
    .post("/:cluster/forks", async (c) => {
      const request = await readBody(c, forkRequestSchema);
      return c.json(await storage.fork(c.req.param("cluster"), request, asked(c)), 202);
    })
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
