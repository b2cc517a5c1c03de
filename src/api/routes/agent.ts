/** The agent itself: what it is, and its end. */
import { agentStatusSchema, authoritySchema } from "../../contract/cluster.ts";
import { logLinesSchema, logsQuerySchema } from "../../contract/logs.ts";
import { stopAgentRequestSchema } from "../../contract/requests.ts";
import { route } from "../route.ts";

export const agentRoutes = [
  route(
    "GET /v1/logs",
    {
      id: "getHostLogs",
      role: "operator",
      does: "Gives lines of the logs of the hosts' own processes; `cursor` goes on where an answer ended.",
      query: logsQuerySchema,
      answer: logLinesSchema,
    },
    ({ query }, { installation }) => installation.logs(undefined, query),
  ),
  route(
    "GET /v1/agent",
    { id: "getAgent", role: "viewer", does: "Says what the agent is and how it fares.", answer: agentStatusSchema },
    (_, { installation }) => installation.agent(),
  ),
  route(
    "GET /v1/agent/authority",
    {
      id: "getAuthority",
      role: "viewer",
      does: "Gives the certificate of the installation's authority.",
      answer: authoritySchema,
    },
    async (_, { installation }) => ({ certificate: await installation.authority() }),
  ),
  route(
    "POST /v1/agent/stop",
    {
      id: "stopAgent",
      role: "admin",
      does: "Ends the agent; with `servers` also every server and the router of its host.",
      body: stopAgentRequestSchema,
    },
    ({ body: { servers } }, { installation }) => installation.stopAgent({ servers }),
  ),
];
