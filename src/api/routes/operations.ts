/** Operations: long changes, to look at and to follow until they end. */
import { z } from "zod";

import { operationSchema } from "../../contract/cluster.ts";
import { operationsQuerySchema } from "../../contract/requests.ts";
import { nameNextPage, placeOf, readPlace } from "../pages.ts";
import { route, streamRoute } from "../route.ts";

export const operationRoutes = [
  route(
    "GET /v1/operations",
    {
      id: "listOperations",
      role: "viewer",
      does: "Gives operations, newest first; ended ones are kept for a week, and `Link` leads to older ones.",
      query: operationsQuerySchema,
      answer: z.array(operationSchema).readonly(),
    },
    async ({ query: { cluster, state, limit, cursor }, c }, { installation }) => {
      const found = await installation.operations({
        limit,
        ...(cluster === undefined ? {} : { cluster }),
        ...(state === undefined ? {} : { state }),
        ...(cursor === undefined ? {} : { before: readPlace(cursor) }),
      });
      const last = found.at(-1);
      nameNextPage(c, last && found.length === limit ? placeOf(last.started_at, last.id) : undefined);
      return found;
    },
  ),
  route(
    "GET /v1/operations/:id",
    {
      id: "getOperation",
      role: "viewer",
      does: "Gives an operation as it stands.",
      answer: operationSchema,
    },
    ({ path }, { installation }) => installation.operation(path.id),
  ),
  streamRoute(
    "GET /v1/operations/:id/stream",
    {
      id: "watchOperation",
      role: "viewer",
      does: "Sends an operation now and at every step, until it has ended.",
      document: operationSchema,
      keep: "all",
    },
    async ({ path: { id } }, { installation }) => {
      await installation.operation(id);
      return (outlet, signal) =>
        installation.watchOperation(
          id,
          (operation) => {
            outlet.send(operation);
            if (operation.state !== "running") outlet.end();
          },
          signal,
        );
    },
  ),
];
