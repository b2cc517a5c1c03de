/** Tokens for callers from other machines. */
import { Hono } from "hono";

import { tokenRequestSchema, type TokensInstallation } from "../../contract/tokens.ts";
import { asked } from "../access/caller.ts";
import { readBody } from "../input.ts";

export function tokenRoutes(tokens: TokensInstallation): Hono {
  return new Hono()
    .get("/", async (c) => c.json(await tokens.list()))
    .post("/", async (c) => c.json(await tokens.create(await readBody(c, tokenRequestSchema), asked(c))))
    .delete("/:id", async (c) => {
      await tokens.revoke(c.req.param("id"));
      return c.json({});
    });
}
