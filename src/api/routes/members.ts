/** Members of a cluster: one more, one fewer, one built anew. */
import { z } from "zod";

import { memberStatusSchema, operationSchema } from "../../contract/cluster.ts";
import { addMemberRequestSchema } from "../../contract/requests.ts";
import { route } from "../route.ts";

export const memberRoutes = [
  route(
    "GET /v1/clusters/:cluster/members",
    {
      id: "listMembers",
      role: "viewer",
      does: "Gives the members of a cluster.",
      answer: z.array(memberStatusSchema).readonly(),
    },
    async ({ path }, { installation }) => (await installation.status(path.cluster)).members,
  ),
  route(
    "POST /v1/clusters/:cluster/members",
    {
      id: "addMember",
      role: "operator",
      does: "Adds a member, where it suits best or where it is asked for.",
      body: addMemberRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation }) => installation.addMember(path.cluster, body, asked),
  ),
  route(
    "DELETE /v1/clusters/:cluster/members/:member",
    {
      id: "removeMember",
      role: "operator",
      does: "Removes a member and its data.",
      answer: operationSchema,
      status: 202,
    },
    ({ path, asked }, { installation }) => installation.removeMember(path.cluster, path.member, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/members/:member/reclone",
    {
      id: "recloneMember",
      role: "operator",
      does: "Builds a standby anew from another member.",
      answer: operationSchema,
      status: 202,
    },
    ({ path, asked }, { installation }) => installation.recloneMember(path.cluster, path.member, asked),
  ),
];
