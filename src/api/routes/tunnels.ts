/**
 * Tunnels: `POST` says that one is opened and tells what its clients need; each connection of a client is then an
 * upgraded `GET` (api/tunnels). Every one is checked like any request.
 */
import { connectionSchema } from "../../contract/cluster.ts";
import { connectionQuerySchema } from "../../contract/requests.ts";
import { tunnelProtocol } from "../../contract/tunnel.ts";
import { OpError } from "../../errors/op-error.ts";
import { callerOf } from "../access/caller.ts";
import { route } from "../route.ts";

export const tunnelRoutes = [
  route(
    "POST /v1/clusters/:cluster/tunnel",
    {
      id: "openTunnel",
      role: "operator",
      does: "Says that a tunnel is opened, and how its clients connect.",
      body: connectionQuerySchema,
      answer: connectionSchema,
    },
    async ({ path: { cluster }, body: { role, user, database }, c }, { installation, tunnels }) => {
      const query = { role, ...(user === undefined ? {} : { user }), ...(database === undefined ? {} : { database }) };
      const connection = await installation.connection(cluster, query);
      tunnels.note({ by: callerOf(c).by, cluster, role }, Date.now());
      return connection;
    },
  ),
  route(
    "GET /v1/clusters/:cluster/tunnel",
    {
      id: "connectTunnel",
      role: "operator",
      does: "Becomes a connection to an endpoint, when it is sent with `Upgrade: postgresql`.",
      query: connectionQuerySchema,
      form: "tunnel",
    },
    async ({ path: { cluster }, query: { role }, c }, { installation, tunnels }) => {
      const { host, port } = await installation.connection(cluster, { role });
      const { tunnel } = c.env;
      if (!tunnel) {
        throw new OpError("usage", {
          message: "this request becomes a connection to Postgres, and was not sent as one",
          hint: `Send the headers "Connection: Upgrade" and "Upgrade: ${tunnelProtocol}".`,
        });
      }
      // Another host's agent was told of it, or it was never told.
      if (tunnels.note({ by: callerOf(c).by, cluster, role }, Date.now())) c.set("isNoteworthy", true);
      tunnel.to = { host, port };
    },
  ),
];
