/**
 * The OpenAPI document, made of the routes and the contract's schemas: the same that check requests. Called for
 * `/openapi.json`, and by the scripts that keep docs/openapi.json, the page of the API and the client current.
 */
import type { z } from "zod";

import { version } from "../../config/version.ts";
import { errorBodySchema } from "../../contract/error.ts";
import type { Route } from "../route.ts";
import { takesKey } from "../idempotency.ts";
import { errorAnswers, errorResponses, knowsGenerations } from "./errors.ts";
import { Schemas } from "./schemas.ts";

export type OpenApiDocument = Readonly<Record<string, unknown>>;

/** @returns OpenAPI 3.1 */
export function openApiDocument(routes: readonly Route[]): OpenApiDocument {
  const schemas = new Schemas();
  schemas.answer(errorBodySchema);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: { tags: [tagOf(route, routes)], ...operationOf(route, schemas) },
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Matriarch",
      version,
      description: "The API of an agent: on its Unix socket for this machine, over TLS for others. See docs/api.md.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "https://{host}:7400", variables: { host: { default: "127.0.0.1", description: "any host" } } }],
    security: [{ token: [] }, { certificate: [] }],
    tags: tagsOf(routes).map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.named(),
      responses: errorResponses(),
      parameters: headers,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "From matriarch token create." },
        certificate: { type: "mutualTLS", description: "From matriarch certificate create." },
      },
    },
  };
}

function operationOf(route: Route, schemas: Schemas): Readonly<Record<string, unknown>> {
  const { id, does, role, form, status, body, answer } = route;
  const media = medias[form];
  const shape = schemas.answer(answer);
  return {
    "operationId": id,
    "summary": does,
    "x-role": role,
    ...(role === "anyone" ? { security: [] } : {}),
    "parameters": [...pathParameters(route), ...queryParameters(route, schemas), ...headersOf(route)],
    ...(body === undefined
      ? {}
      : {
          requestBody: { required: isNeeded(body), content: { "application/json": { schema: schemas.request(body) } } },
        }),
    "responses": {
      [status]: {
        description: form === "stream" ? "Server-sent events: each `data` is one document." : says[status],
        content: {
          [media]: form === "stream" ? { "schema": { type: "string" }, "x-document": shape } : { schema: shape },
        },
      },
      ...(form === "tunnel" ? { 101: { description: "The connection is one to Postgres from now on." } } : {}),
      ...errorAnswers(route),
    },
  };
}

const medias = {
  json: "application/json",
  tunnel: "application/json",
  stream: "text/event-stream",
  text: "text/plain",
} as const;

const says = { 200: "Done.", 201: "Made.", 202: "Begun: the operation says how it goes on." } as const;

/** An empty body stands for `{}`. */
function isNeeded(body: z.ZodType): boolean {
  return !body.safeParse({}).success;
}

function pathParameters({ path }: Route): readonly unknown[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string", minLength: 1 },
  }));
}

function queryParameters({ query }: Route, schemas: Schemas): readonly unknown[] {
  const { properties = {}, required = [] } = schemas.parameters(query);
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function headersOf(route: Route): readonly unknown[] {
  const header = (name: string): unknown => ({ $ref: `#/components/parameters/${name}` });
  return [
    ...(takesKey(route) ? [header("IdempotencyKey")] : []),
    ...(knowsGenerations(route) ? [header("IfMatch")] : []),
    ...(route.form === "stream" ? [header("LastEventId")] : []),
  ];
}

const headers = {
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description:
      "Sent again with the same key and body within a day, the request is answered as before and not done again.",
    schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[\\x21-\\x7e]+$" },
  },
  IfMatch: {
    name: "If-Match",
    in: "header",
    required: false,
    description:
      "The cluster's generation that the request was made for, in quotes; refused with 412 when it has another.",
    schema: { type: "string", pattern: '^("[0-9]{1,15}"|\\*)$' },
  },
  LastEventId: {
    name: "Last-Event-ID",
    in: "header",
    required: false,
    description: "The id of the last one that arrived: the stream goes on after it.",
    schema: { type: "string", maxLength: 200 },
  },
} as const;

/** `/v1/clusters/:cluster/users/…` belongs to users, of which there are several; `…/explain` to clusters. */
function tagOf({ path }: Route, routes: readonly Route[]): string {
  const [, , resource = "document", , part] = path.split("/");
  const start = `/v1/clusters/:cluster/${part}`;
  const isTag = routes.filter((other) => other.path === start || other.path.startsWith(`${start}/`)).length > 1;
  return part !== undefined && path.startsWith(start) && isTag ? part : resource;
}

function tagsOf(routes: readonly Route[]): readonly string[] {
  return [...new Set(routes.map((route) => tagOf(route, routes)))];
}
