/** Operations: long changes, to look at and to follow until they end. */
import { operationSchema } from "../../contract/cluster.ts";
import { route, streamRoute } from "../route.ts";

export const operationRoutes = [
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
