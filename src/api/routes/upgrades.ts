/** Versions of Postgres: who runs what, what a newer one would take, and taking it. */
import { Hono } from "hono";

import type { Installation } from "../../contract/installation.ts";
import { upgradeQuerySchema, upgradeRequestSchema, versionQuerySchema } from "../../contract/upgrade.ts";
import { asked } from "../access/caller.ts";
import { readBody, readQuery } from "../input.ts";

export function upgradeRoutes({ upgrades }: Pick<Installation, "upgrades">): Hono {
  return new Hono()
    .get("/:cluster/version", async (c) => {
      const { check } = readQuery(c, versionQuerySchema);
      return c.json(await upgrades.versions(c.req.param("cluster"), { check: check === "true" }));
    })
    .get("/:cluster/upgrade", async (c) => {
      const { to, in_place: inPlace } = readQuery(c, upgradeQuerySchema);
      const wish = { inPlace: inPlace === "true", ...(to === undefined ? {} : { to }) };
      return c.json(await upgrades.plan(c.req.param("cluster"), wish));
    })
    .post("/:cluster/upgrade", async (c) => {
      const { to, force, in_place: inPlace } = await readBody(c, upgradeRequestSchema);
      const wish = { force, inPlace, ...(to === undefined ? {} : { to }) };
      return c.json(await upgrades.upgrade(c.req.param("cluster"), wish, asked(c)), 202);
    });
}
