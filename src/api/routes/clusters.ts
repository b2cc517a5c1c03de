/** Clusters: making, looking at and removing them. What changes a running one is in changes.ts. */
import { Hono } from "hono";

import { createRequestSchema } from "../../contract/cluster.ts";
import type { Installation } from "../../contract/installation.ts";
import { logsQuerySchema } from "../../contract/logs.ts";
import { candidatesQuerySchema, connectionQuerySchema } from "../../contract/requests.ts";
import { clusterNameProblem } from "../../domain/names.ts";
import { OpError } from "../../errors/op-error.ts";
import { asked } from "../access/caller.ts";
import { readBody, readQuery } from "../input.ts";
import { stream } from "../stream.ts";

export function clusterRoutes(installation: Installation): Hono {
  return new Hono()
    .get("/", async (c) => c.json(await installation.list()))
    .post("/", async (c) => {
      const request = await readBody(c, createRequestSchema);
      refuseBadName(request.name);
      return c.json(await installation.create(request, asked(c)), 202);
    })
    .get("/:cluster", async (c) => c.json(await installation.status(c.req.param("cluster"))))
    .delete("/:cluster", async (c) => c.json(await installation.destroy(c.req.param("cluster"), asked(c)), 202))
    .get("/:cluster/stream", async (c) => {
      const cluster = c.req.param("cluster");
      await installation.status(cluster);
      return stream(c, { keep: "newest" }, (outlet, signal) =>
        installation.watchStatus(cluster, (status) => outlet.send(status), signal),
      );
    })
    .get("/:cluster/explain", async (c) => c.json(await installation.explain(c.req.param("cluster"))))
    .get("/:cluster/logs", async (c) =>
      c.json(await installation.logs(c.req.param("cluster"), readQuery(c, logsQuerySchema))),
    )
    .get("/:cluster/connection", async (c) => {
      const { role, user, database } = readQuery(c, connectionQuerySchema);
      const query = { role, ...(user === undefined ? {} : { user }), ...(database === undefined ? {} : { database }) };
      return c.json(await installation.connection(c.req.param("cluster"), query));
    })
    .get("/:cluster/candidates", async (c) => {
      const { kind, to, region } = readQuery(c, candidatesQuerySchema);
      return c.json(await installation.candidates(c.req.param("cluster"), kind, to, region));
    });
}

function refuseBadName(name: string): void {
  const problem = clusterNameProblem(name);
  if (problem === undefined) return;
  throw new OpError("bad-name", {
    message: `"${name}" cannot be the name of a cluster`,
    detail: problem,
    hint: 'Choose a name like "shop" or "orders-test".',
  });
}
