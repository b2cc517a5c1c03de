/** How a host comes in: no certificate is asked for, the token in the body is checked by the installation. */
import { joinCheckSchema, joinedSchema, joinGreetingSchema, joinRequestSchema } from "../../contract/host.ts";
import { route } from "../route.ts";
import { several } from "./hosts.ts";

export const joinRoutes = [
  route(
    "GET /v1/join",
    {
      id: "greetHost",
      role: "anyone",
      does: "Gives the certificate of the authority, for a host that is about to join.",
      answer: joinGreetingSchema,
    },
    async (_, { hosts }) => several(hosts).greet(),
  ),
  route(
    "POST /v1/join/check",
    {
      id: "checkJoin",
      role: "anyone",
      does: "Says whether a host could join, and whom it must reach; changes nothing.",
      body: joinRequestSchema,
      answer: joinCheckSchema,
    },
    async ({ body }, { hosts }) => several(hosts).checkJoin(body),
  ),
  route(
    "POST /v1/join",
    {
      id: "joinHost",
      role: "anyone",
      does: "Lets a host in that shows a good token.",
      body: joinRequestSchema,
      answer: joinedSchema,
    },
    async ({ body }, { hosts }) => several(hosts).join(body),
  ),
];
