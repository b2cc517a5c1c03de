/** The command line's client, written from the OpenAPI document. Used by scripts/api-pages.ts. */
import { operationsOf, reachedFrom, type Described, type Document } from "./operations.ts";
import { interfaceOf, memberName, nameOf, typeOf, type JsonSchema } from "./types.ts";

const head = `/** Written by scripts/api-pages.ts from the OpenAPI document (src/api/openapi). Read by nobody: change the routes. */
import { pathPart, queryText, type How, type Sender, type Shapes } from "./sender.ts";
`;

/** What only agents ask of each other, the document itself, and texts for monitors are nothing for a client. */
function isForClients({ operation, path, form }: Described): boolean {
  return operation["x-role"] !== "host" && path !== "/openapi.json" && form !== "text";
}

export function clientText(document: Document): string {
  const all = operationsOf(document).filter(isForClients);
  const named = document.components.schemas;
  const bodies = all.flatMap(({ body }) => (body === undefined ? [] : [body]));
  const answers = all.map(({ answer }) => answer);
  const told = reachedFrom([...bodies, ...answers], named);
  const checked = reachedFrom(answers, named);
  const pick = (names: ReadonlySet<string>) => Object.entries(named).filter(([name]) => names.has(name));
  return [
    head,
    ...pick(told).map(([name, schema]) => `${interfaceOf(name, schema)}\n`),
    `/** What answers must be like: looked at in sender.ts. */`,
    `export const shapes: Shapes = {`,
    ...pick(checked).map(([name, schema]) => `  ${name}: ${shapeText(schema)},`),
    `};\n`,
    `export type Api = ReturnType<typeof createApi>;\n`,
    `export function createApi(sender: Sender) {`,
    `  return {`,
    ...all.map(operationText),
    `  };`,
    `}\n`,
  ].join("\n");
}

function operationText(described: Described): string {
  const { operation, answer, form } = described;
  const { parameters, operationId, summary } = operation;
  const type = isEmpty(answer) ? "unknown" : typeOf(answer, "    ");
  const asking = argumentsOf(described);
  const parts = parameters.filter((one) => one.in === "path").map(({ name }) => name);
  const path = described.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => `\${pathPart(asking.${name})}`);
  const hasQuery = parameters.some((one) => one.in === "query");
  const target = `\`${path}\`${hasQuery ? " + queryText(asking.query)" : ""}`;
  const isOptional = parts.length === 0 && asking.every((member) => member.includes("?:"));
  const first = asking.length === 0 ? "" : `asking: { ${asking.join("; ")} }${isOptional ? " = {}" : ""}, `;
  if (form === "tunnel")
    return `    /** ${summary} */\n    ${operationId}: (${first}how?: How) => sender.tunnel(${target}, how),`;
  if (form === "stream")
    return `    /** ${summary} */\n    ${operationId}: (${first}how?: How): AsyncGenerator<${type}> =>\n      sender.stream(${target}, ${shapeText(answer)}, how),`;
  const body = bodyOf(described);
  const call = `{ method: "${described.method}", path: ${target}, body: ${body}, answer: ${shapeText(answer)} }`;
  return `    /** ${summary} */\n    ${operationId}: (${first}how?: How): Promise<${type}> =>\n      sender.json(${call}, how),`;
}

function bodyOf({ method, body, operation: { requestBody } }: Described): string {
  if (method !== "POST") return "undefined";
  if (body === undefined || isNothing(body)) return "{}";
  return requestBody?.required === true ? "asking.body" : "asking.body ?? {}";
}

function argumentsOf({ operation: { parameters, requestBody }, body }: Described): readonly string[] {
  const query = parameters.filter((one) => one.in === "query");
  const queryType = query.map(({ name, required, schema }) => {
    const type = typeOf(schema);
    return `${memberName(name)}${required ? "" : "?"}: ${type}${required ? "" : " | undefined"}`;
  });
  const isNeeded = query.some(({ required }) => required);
  const hasBody = body !== undefined && !isNothing(body);
  return [
    ...parameters.filter((one) => one.in === "path").map(({ name }) => `${name}: string`),
    ...(query.length === 0 ? [] : [`query${isNeeded ? "" : "?"}: { ${queryType.join("; ")} }`]),
    ...(hasBody ? [`body${requestBody?.required === true ? "" : "?"}: ${typeOf(body)}`] : []),
  ];
}

export function isNothing(schema: JsonSchema): boolean {
  return schema.$ref !== undefined && nameOf(schema.$ref).startsWith("Nothing");
}

function isEmpty(schema: JsonSchema): boolean {
  return Object.keys(schema).length === 0;
}

/** Without what says nothing about an answer. */
function shapeText(schema: JsonSchema): string {
  const kept = JSON.stringify(schema, (key, value: unknown) => (ignored.has(key) ? undefined : value));
  return kept.replaceAll('"#/components/schemas/', '"');
}

/** Bounds are the agent's affair. */
const ignored = new Set([
  "readOnly",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "minLength",
  "maxLength",
  "maxItems",
  "pattern",
  "format",
  "propertyNames",
]);
