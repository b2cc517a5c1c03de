/**
 * Tunnels: `POST` says that one is opened and tells what its clients need; each connection of a client is then an
 * upgraded `GET` (api/tunnels). Every one is checked like any request.
 */
import { Hono } from "hono";

import type { Installation } from "../../contract/installation.ts";
import { connectionQuerySchema } from "../../contract/requests.ts";
import { tunnelProtocol } from "../../contract/tunnel.ts";
import { OpError } from "../../errors/op-error.ts";
import { callerOf, type ApiEnv } from "../access/caller.ts";
import { readBody, readQuery } from "../input.ts";
import type { TunnelBook } from "../tunnels/book.ts";

export function tunnelRoutes(installation: Pick<Installation, "connection">, book: TunnelBook): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .post("/:cluster/tunnel", async (c) => {
      const { role, user, database } = await readBody(c, connectionQuerySchema);
      const cluster = c.req.param("cluster");
      const query = { role, ...(user === undefined ? {} : { user }), ...(database === undefined ? {} : { database }) };
      const connection = await installation.connection(cluster, query);
      book.note({ by: callerOf(c).by, cluster, role }, Date.now());
      return c.json(connection);
    })
    .get("/:cluster/tunnel", async (c) => {
      const { role } = readQuery(c, connectionQuerySchema);
      const cluster = c.req.param("cluster");
      const { host, port } = await installation.connection(cluster, { role });
      const { tunnel } = c.env;
      if (!tunnel) {
        throw new OpError("usage", {
          message: "this request becomes a connection to Postgres, and was not sent as one",
          hint: `Send the headers "Connection: Upgrade" and "Upgrade: ${tunnelProtocol}".`,
        });
      }
      // Another host's agent was told of it, or it was never told.
      if (book.note({ by: callerOf(c).by, cluster, role }, Date.now())) c.set("isNoteworthy", true);
      tunnel.to = { host, port };
      return c.json({});
    });
}
