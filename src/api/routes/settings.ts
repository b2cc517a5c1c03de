/** Settings of a cluster's servers: what they are, what a change would do, the change. */
import { operationSchema } from "../../contract/cluster.ts";
import { changeSettingsRequestSchema, settingsPlanSchema, settingsReportSchema } from "../../contract/settings.ts";
import { route } from "../route.ts";

export const settingRoutes = [
  route(
    "GET /v1/clusters/:cluster/settings",
    {
      id: "getSettings",
      role: "viewer",
      does: "Gives every setting of the servers, with where it comes from.",
      answer: settingsReportSchema,
    },
    ({ path }, { installation: { settings } }) => settings.show(path.cluster),
  ),
  route(
    "POST /v1/clusters/:cluster/settings/plan",
    {
      id: "planSettings",
      role: "viewer",
      does: "Says what a change of settings would do; changes nothing.",
      body: changeSettingsRequestSchema,
      answer: settingsPlanSchema,
    },
    ({ path, body }, { installation: { settings } }) => settings.plan(path.cluster, body),
  ),
  route(
    "POST /v1/clusters/:cluster/settings",
    {
      id: "changeSettings",
      role: "operator",
      does: "Changes settings of the servers.",
      body: changeSettingsRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { settings } }) => settings.change(path.cluster, body, asked),
  ),
];
