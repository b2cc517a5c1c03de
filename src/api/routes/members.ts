/** Members of a cluster: one more, one fewer, one built anew. */
import { Hono } from "hono";

import type { Installation } from "../../contract/installation.ts";
import { addMemberRequestSchema, nothingSchema } from "../../contract/requests.ts";
import { asked } from "../access/caller.ts";
import { readBody } from "../input.ts";

export function memberRoutes(installation: Installation): Hono {
  return new Hono()
    .get("/:cluster/members", async (c) => c.json((await installation.status(c.req.param("cluster"))).members))
    .post("/:cluster/members", async (c) => {
      const where = await readBody(c, addMemberRequestSchema);
      return c.json(await installation.addMember(c.req.param("cluster"), where, asked(c)), 202);
    })
    .delete("/:cluster/members/:member", async (c) =>
      c.json(await installation.removeMember(c.req.param("cluster"), c.req.param("member"), asked(c)), 202),
    )
    .post("/:cluster/members/:member/reclone", async (c) => {
      await readBody(c, nothingSchema);
      return c.json(await installation.recloneMember(c.req.param("cluster"), c.req.param("member"), asked(c)), 202);
    });
}
