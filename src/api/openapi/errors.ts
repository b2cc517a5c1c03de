/** Which answers besides success a route can give: by status, with the codes of the catalog that have it. */
import { errorCatalog } from "../../errors/catalog.ts";
import type { Route } from "../route.ts";

const meanings: Readonly<Record<number, string>> = {
  400: "The request cannot be read.",
  401: "Nobody knows who asks.",
  403: "The caller's role is too little.",
  404: "What is named does not exist.",
  405: "The path exists, and not with this method.",
  409: "It does not fit what there is now; nothing was changed.",
  412: "The cluster has been changed since the generation that was given; nothing was changed.",
  413: "The body is too large.",
  422: "A value is not valid; nothing was changed.",
  429: "Too many requests from this caller; Retry-After says how many seconds to wait.",
  500: "It failed; of `internal` the agent's log has the details.",
  502: "Something that was asked for it failed.",
  503: "It cannot be done now.",
  504: "It took too long; what was begun goes on.",
  507: "There is no room for it.",
};

/** Said of each route, as any can meet them: the store is away, a disk is full, a host does not answer. */
const anywhere = [400, 401, 403, 404, 405, 409, 422, 429, 500, 502, 503, 504, 507];

/** Of a name that becomes another path, as ".." does. */
const noSuchPath = "usage";

export function errorAnswers(route: Route): Readonly<Record<string, unknown>> {
  const statuses = [...anywhere, ...(route.body === undefined ? [] : [413]), ...(knowsGenerations(route) ? [412] : [])];
  const answers = statuses.map((status) => [status, { $ref: `#/components/responses/Error${status}` }]);
  return Object.fromEntries(answers);
}

/** Changes of a cluster that exists. */
export function knowsGenerations({ method, path, role }: Route): boolean {
  return method !== "GET" && path.startsWith("/v1/clusters/:cluster") && role !== "host";
}

/** For the document's components. */
export function errorResponses(): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.keys(meanings).map((status) => [`Error${status}`, errorResponse(Number(status))]));
}

function errorResponse(status: number): unknown {
  const codes = Object.entries(errorCatalog)
    .filter(([code, { httpStatus }]) => httpStatus === status || (status === 404 && code === noSuchPath))
    .map(([code]) => code);
  return {
    description: meanings[status],
    content: { "application/json": { schema: { $ref: "#/components/schemas/ErrorBody" } } },
    ...(status === 429 ? { headers: { "Retry-After": { schema: { type: "integer" } } } } : {}),
    ...(codes.length === 0 ? {} : { "x-codes": codes }),
  };
}
