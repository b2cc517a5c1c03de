/** Imports of databases from elsewhere: checked, begun, looked at, ended. The source's password comes in the body alone. */
import { Hono } from "hono";

import { abandonRequestSchema, cutoverRequestSchema, importRequestSchema } from "../../contract/imports.ts";
import type { Installation } from "../../contract/installation.ts";
import { asked } from "../access/caller.ts";
import { readBody } from "../input.ts";

export function importRoutes({ imports }: Pick<Installation, "imports">): Hono {
  return new Hono()
    .get("/:cluster/imports", async (c) => c.json(await imports.list(c.req.param("cluster"))))
    .post("/:cluster/imports/check", async (c) =>
      c.json(await imports.check(c.req.param("cluster"), await readBody(c, importRequestSchema))),
    )
    .post("/:cluster/imports", async (c) =>
      c.json(await imports.begin(c.req.param("cluster"), await readBody(c, importRequestSchema), asked(c)), 202),
    )
    .post("/:cluster/imports/cutover", async (c) =>
      c.json(await imports.cutover(c.req.param("cluster"), await readBody(c, cutoverRequestSchema), asked(c)), 202),
    )
    .post("/:cluster/imports/abandon", async (c) =>
      c.json(await imports.abandon(c.req.param("cluster"), await readBody(c, abandonRequestSchema), asked(c)), 202),
    );
}
