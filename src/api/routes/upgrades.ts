/** Versions of Postgres: who runs what, what a newer one would take, and taking it. */
import { operationSchema } from "../../contract/cluster.ts";
import {
  upgradePlanSchema,
  upgradeQuerySchema,
  upgradeRequestSchema,
  versionQuerySchema,
  versionReportSchema,
} from "../../contract/upgrade.ts";
import { route } from "../route.ts";

export const upgradeRoutes = [
  route(
    "GET /v1/clusters/:cluster/version",
    {
      id: "getVersions",
      role: "viewer",
      does: "Says which version each member runs, and what is newer.",
      query: versionQuerySchema,
      answer: versionReportSchema,
    },
    ({ path, query }, { installation: { upgrades } }) =>
      upgrades.versions(path.cluster, { check: query.check === "true" }),
  ),
  route(
    "GET /v1/clusters/:cluster/upgrade",
    {
      id: "planUpgrade",
      role: "viewer",
      does: "Says what an upgrade would do; changes nothing.",
      query: upgradeQuerySchema,
      answer: upgradePlanSchema,
    },
    ({ path, query: { to, in_place: inPlace } }, { installation: { upgrades } }) => {
      const wish = { inPlace: inPlace === "true", ...(to === undefined ? {} : { to }) };
      return upgrades.plan(path.cluster, wish);
    },
  ),
  route(
    "POST /v1/clusters/:cluster/upgrade",
    {
      id: "upgradeCluster",
      role: "operator",
      does: "Takes a newer version of Postgres, one member after the other.",
      body: upgradeRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body: { to, force, in_place: inPlace }, asked }, { installation: { upgrades } }) => {
      const wish = { force, inPlace, ...(to === undefined ? {} : { to }) };
      return upgrades.upgrade(path.cluster, wish, asked);
    },
  ),
];
