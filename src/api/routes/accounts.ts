/** Databases, users and attached applications of a cluster. Names come in the path, percent-encoded, or in the body. */
import { Hono } from "hono";

import {
  attachRequestSchema,
  createDatabaseRequestSchema,
  createUserRequestSchema,
  grantRequestSchema,
  handedOverRequestSchema,
  rotateRequestSchema,
} from "../../contract/accounts.ts";
import type { Installation } from "../../contract/installation.ts";
import { asked } from "../access/caller.ts";
import { demand } from "../access/roles.ts";
import { readBody } from "../input.ts";

export function accountRoutes({ accounts }: Pick<Installation, "accounts">): Hono {
  return new Hono()
    .post("/:cluster/attachments", async (c) => {
      const request = await readBody(c, attachRequestSchema);
      if (request.role === "superuser") demand(c, "admin");
      return c.json(await accounts.attach(c.req.param("cluster"), request, asked(c)));
    })
    .post("/:cluster/attachments/:app/handed-over", async (c) => {
      const request = await readBody(c, handedOverRequestSchema);
      return c.json(await accounts.handedOver(c.req.param("cluster"), c.req.param("app"), request, asked(c)));
    })
    .delete("/:cluster/attachments/:app", async (c) =>
      c.json(await accounts.detach(c.req.param("cluster"), c.req.param("app"), asked(c))),
    )
    .get("/:cluster/databases", async (c) => c.json(await accounts.databases(c.req.param("cluster"))))
    .post("/:cluster/databases", async (c) => {
      const request = await readBody(c, createDatabaseRequestSchema);
      return c.json(await accounts.createDatabase(c.req.param("cluster"), request, asked(c)));
    })
    .delete("/:cluster/databases/:database", async (c) => {
      await accounts.dropDatabase(c.req.param("cluster"), c.req.param("database"), asked(c));
      return c.json({});
    })
    .get("/:cluster/users", async (c) => c.json(await accounts.users(c.req.param("cluster"))))
    .post("/:cluster/users", async (c) => {
      const request = await readBody(c, createUserRequestSchema);
      if (request.role === "superuser") demand(c, "admin");
      return c.json(await accounts.createUser(c.req.param("cluster"), request, asked(c)));
    })
    .delete("/:cluster/users/:user", async (c) => {
      await accounts.dropUser(c.req.param("cluster"), c.req.param("user"), asked(c));
      return c.json({});
    })
    .post("/:cluster/users/:user/grant", async (c) => {
      const request = await readBody(c, grantRequestSchema);
      return c.json(await accounts.grant(c.req.param("cluster"), c.req.param("user"), request, asked(c)));
    })
    .post("/:cluster/users/:user/rotate", async (c) => {
      const { grace_ms: graceMs } = await readBody(c, rotateRequestSchema);
      return c.json(await accounts.rotatePassword(c.req.param("cluster"), c.req.param("user"), graceMs, asked(c)));
    });
}
