/**
 * Hosts of the installation, and the tokens that let new ones in. How hosts come in is in join.ts.
 */
import { z } from "zod";

import { operationSchema } from "../../contract/cluster.ts";
import {
  hostRemovedSchema,
  hostSettingsSchema,
  hostStatusSchema,
  joinTokenRequestSchema,
  joinTokenSchema,
  labelRequestSchema,
  type HostsInstallation,
} from "../../contract/host.ts";
import { OpError } from "../../errors/op-error.ts";
import { route } from "../route.ts";

const removeQuerySchema = z.strictObject({ lost: z.enum(["true", "false"]).default("false") });

export const hostRoutes = [
  route(
    "GET /v1/hosts",
    {
      id: "listHosts",
      role: "viewer",
      does: "Gives the hosts and whether they are heard.",
      answer: z.array(hostStatusSchema).readonly(),
    },
    async (_, { hosts }) => several(hosts).list(),
  ),
  route(
    "POST /v1/hosts/rebuild-store",
    {
      id: "rebuildStore",
      role: "admin",
      does: "Makes the store anew from this host's part of it, the others being lost for good.",
    },
    async ({ asked }, { hosts }) => several(hosts).rebuildStore(asked),
  ),
  route(
    "GET /v1/hosts/settings",
    {
      id: "getHostSettings",
      role: "viewer",
      does: "Gives what holds for all hosts.",
      answer: hostSettingsSchema,
    },
    async (_, { hosts }) => several(hosts).settings(),
  ),
  route(
    "POST /v1/hosts/settings",
    {
      id: "changeHostSettings",
      role: "admin",
      does: "Changes what holds for all hosts.",
      body: hostSettingsSchema,
      answer: hostSettingsSchema,
    },
    async ({ body, asked }, { hosts }) => several(hosts).change(body, asked),
  ),
  route(
    "POST /v1/hosts/:host/labels",
    {
      id: "labelHost",
      role: "admin",
      does: "Gives a host labels, or takes them away.",
      body: labelRequestSchema,
      answer: hostStatusSchema,
    },
    async ({ path, body, asked }, { hosts }) => several(hosts).label(path.host, body.labels, asked),
  ),
  route(
    "POST /v1/hosts/:host/drain",
    {
      id: "drainHost",
      role: "admin",
      does: "Moves the members of a host to others, and places none there.",
      answer: operationSchema,
      status: 202,
    },
    async ({ path, asked }, { hosts }) => several(hosts).drain(path.host, asked),
  ),
  route(
    "POST /v1/hosts/:host/undrain",
    {
      id: "undrainHost",
      role: "admin",
      does: "Lets members be placed on a host again.",
      answer: hostStatusSchema,
    },
    async ({ path, asked }, { hosts }) => several(hosts).undrain(path.host, asked),
  ),
  route(
    "DELETE /v1/hosts/:host",
    {
      id: "removeHost",
      role: "admin",
      does: "Removes a host from the installation; `lost`: it will not come back.",
      query: removeQuerySchema,
      answer: hostRemovedSchema,
    },
    async ({ path, query, asked }, { hosts }) =>
      several(hosts).remove(path.host, { lost: query.lost === "true" }, asked),
  ),
  route(
    "POST /v1/join-tokens",
    {
      id: "createJoinToken",
      role: "admin",
      does: "Makes a token with which hosts join.",
      body: joinTokenRequestSchema,
      answer: joinTokenSchema,
      status: 201,
    },
    async ({ body, asked }, { hosts }) => several(hosts).makeToken(body, asked),
  ),
  route(
    "DELETE /v1/join-tokens/:id",
    {
      id: "revokeJoinToken",
      role: "admin",
      does: "Ends a token with which hosts join.",
    },
    async ({ path, asked }, { hosts }) => several(hosts).revokeToken(path.id, asked),
  ),
];

export function several(hosts: HostsInstallation | undefined): HostsInstallation {
  if (hosts) return hosts;
  throw new OpError("not-supported", {
    message: "this installation is of one machine",
    hint: "For several hosts, make one on a machine without clusters: matriarch host init",
  });
}
