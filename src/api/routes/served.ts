/** What is mounted: every route, and the document that is made of them. Called by server.ts and the tests of the routes. */
import { z } from "zod";

import { openApiDocument } from "../openapi/document.ts";
import { route, type Access, type Route } from "../route.ts";
import { routes } from "./all.ts";

let document: Readonly<Record<string, unknown>> | undefined;

export const servedRoutes: readonly Route[] = [
  ...routes,
  route(
    "GET /openapi.json",
    {
      id: "getDocument",
      role: "viewer",
      does: "Gives this document.",
      answer: z.record(z.string(), z.unknown()),
    },
    async () => (document ??= openApiDocument(servedRoutes)),
  ),
];

const roles = new Map(servedRoutes.map(({ method, path, role }) => [`${method} ${path}`, role]));

/** @throws an Error for a route that nobody has described: it is never open by mistake */
export function accessTo({ method, path }: { readonly method: string; readonly path: string }): Access {
  const role = roles.get(`${method} ${path}`);
  if (role === undefined) throw new Error(`route ${method} ${path} has no least role`);
  return role;
}

const patterns = servedRoutes.map(({ method, path }) => ({
  method,
  pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")}$`),
}));

/** Methods with which a path can be used; none: there is no such path. */
export function methodsOf(path: string): readonly string[] {
  return [...new Set(patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))];
}
