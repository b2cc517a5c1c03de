/** Extensions of a cluster's databases: what there is, what a change would do, and the change. */
import { operationSchema } from "../../contract/cluster.ts";
import { extensionListSchema, extensionPlanSchema, extensionRequestSchema } from "../../contract/extensions.ts";
import { demand } from "../access/roles.ts";
import { route } from "../route.ts";

export const extensionRoutes = [
  route(
    "GET /v1/clusters/:cluster/extensions",
    {
      id: "listExtensions",
      role: "viewer",
      does: "Gives the extensions that databases have, and those that could be enabled.",
      answer: extensionListSchema,
    },
    ({ path }, { installation: { extensions } }) => extensions.list(path.cluster),
  ),
  route(
    "POST /v1/clusters/:cluster/extensions/plan",
    {
      id: "planExtension",
      role: "operator",
      does: "Says what a change of an extension would do; changes nothing.",
      body: extensionRequestSchema,
      answer: extensionPlanSchema,
    },
    ({ path, body }, { installation: { extensions } }) => extensions.plan(path.cluster, body),
  ),
  route(
    "POST /v1/clusters/:cluster/extensions",
    {
      id: "changeExtension",
      role: "operator",
      does: "Enables, disables or updates an extension; installing packages and cascading need an admin.",
      body: extensionRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    async ({ path, body, asked, c }, { installation: { extensions } }) => {
      // Programs come to the hosts, and what depends on an extension goes with it.
      if (body.install || body.cascade) demand(c, "admin");
      return extensions.change(path.cluster, body, asked);
    },
  ),
];
