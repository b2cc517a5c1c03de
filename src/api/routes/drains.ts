/** Drains of logs and events. */
import { z } from "zod";

import { drainChangedSchema, drainRequestSchema, drainSchema, drainTestedSchema } from "../../contract/drains.ts";
import { route } from "../route.ts";

export const drainRoutes = [
  route(
    "GET /v1/drains",
    {
      id: "listDrains",
      role: "viewer",
      does: "Gives the drains of the host that is asked, and how each fares there.",
      answer: z.array(drainSchema).readonly(),
    },
    (_, { installation }) => installation.drains.list(),
  ),
  route(
    "POST /v1/drains",
    {
      id: "addDrain",
      role: "admin",
      does: "Sends logs and events on, from every host, also one that joins later; the same again changes its level, token and authority.",
      body: drainRequestSchema,
      answer: drainChangedSchema,
    },
    ({ body, asked }, { installation }) => installation.drains.add(body, asked),
  ),
  route(
    "DELETE /v1/drains/:id",
    {
      id: "removeDrain",
      role: "admin",
      does: "Ends a drain on every host.",
      answer: drainChangedSchema,
    },
    ({ path, asked }, { installation }) => installation.drains.remove(path.id, asked),
  ),
  route(
    "POST /v1/drains/:id/test",
    {
      id: "testDrain",
      role: "operator",
      does: "Sends one record from the host that is asked, and says how that went.",
      answer: drainTestedSchema,
    },
    ({ path }, { installation }) => installation.drains.test(path.id),
  ),
];
