/** The operations of the OpenAPI document, read once for the client and the page. Used by scripts/api-pages.ts. */
import { servedRoutes } from "../../src/api/routes/served.ts";
import { openApiDocument } from "../../src/api/openapi/document.ts";
import type { JsonSchema } from "./types.ts";

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required: boolean;
  readonly schema: JsonSchema;
}

interface Media {
  readonly "schema": JsonSchema;
  readonly "x-document"?: JsonSchema;
}

export interface Operation {
  readonly "operationId": string;
  readonly "summary": string;
  readonly "tags": readonly string[];
  readonly "x-role": string;
  readonly "parameters": readonly Parameter[];
  readonly "requestBody"?: { readonly required: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly "responses": Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>;
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

export interface Described {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
  readonly body: JsonSchema | undefined;
  readonly status: string;
  /** of a stream: of each document */
  readonly answer: JsonSchema;
  readonly form: "json" | "stream" | "tunnel" | "text";
}

export function readDocument(): Document {
  return JSON.parse(JSON.stringify(openApiDocument(servedRoutes))) as Document;
}

export function operationsOf(document: Document): readonly Described[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => describe(path, method, operation)),
  );
}

function describe(path: string, method: string, operation: Operation): Described {
  const [status, success] = Object.entries(operation.responses).find(([code]) => code.startsWith("2")) ?? ["200", {}];
  const stream = success.content?.["text/event-stream"];
  const isText = success.content?.["text/plain"] !== undefined;
  const isTunnel = "101" in operation.responses;
  return {
    method: method.toUpperCase(),
    path,
    operation,
    body: operation.requestBody?.content["application/json"]?.schema,
    status,
    answer: stream?.["x-document"] ?? success.content?.["application/json"]?.schema ?? {},
    form: stream ? "stream" : isTunnel ? "tunnel" : isText ? "text" : "json",
  };
}

/** Names of the components that a schema speaks of, through others as well. */
export function reachedFrom(
  schemas: readonly JsonSchema[],
  named: Readonly<Record<string, JsonSchema>>,
): ReadonlySet<string> {
  const found = new Set<string>();
  const look = (schema: JsonSchema): void => {
    for (const [, name] of JSON.stringify(schema).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (name === undefined || found.has(name)) continue;
      found.add(name);
      look(named[name] ?? {});
    }
  };
  for (const schema of schemas) look(schema);
  return found;
}
