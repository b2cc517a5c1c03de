/** Operations: long changes, to look at and to follow until they end. */
import { Hono } from "hono";

import type { Operation } from "../../contract/cluster.ts";
import type { Installation } from "../../contract/installation.ts";
import { stream } from "../stream.ts";

export function operationRoutes(installation: Installation): Hono {
  return new Hono()
    .get("/:id", async (c) => c.json(await installation.operation(c.req.param("id"))))
    .get("/:id/stream", async (c) => {
      const id = c.req.param("id");
      await installation.operation(id);
      return stream<Operation>(c, { keep: "all" }, (outlet, signal) =>
        installation.watchOperation(
          id,
          (operation) => {
            outlet.send(operation);
            if (operation.state !== "running") outlet.end();
          },
          signal,
        ),
      );
    });
}
