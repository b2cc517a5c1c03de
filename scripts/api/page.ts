/** The page of the API's routes and types, written from the OpenAPI document. Used by scripts/api-pages.ts. */
import { isNothing } from "./client.ts";
import { operationsOf, reachedFrom, type Described, type Document } from "./operations.ts";
import { interfaceOf, typeOf } from "./types.ts";

export function pageText(document: Document): string {
  const all = operationsOf(document);
  const tags = [...new Set(all.flatMap(({ operation }) => operation.tags))];
  const named = document.components.schemas;
  const told = reachedFrom(
    all.flatMap(({ body, answer }) => [answer, ...(body === undefined ? [] : [body])]),
    named,
  );
  return [
    "# API reference",
    "<!-- Written from the routes by scripts/api-pages.ts; change those instead. -->",
    `Every route of the agent, as \`GET /openapi.json\` of a running agent says it to programs (OpenAPI 3.1). What holds for all
of them (who may call, errors, keys of idempotency, generations, pages, streams, limits) is in [the API](api.md).`,
    ...tags.flatMap((tag) => [
      `## ${tag}`,
      ...all.filter(({ operation }) => operation.tags.includes(tag)).map(routeText),
    ]),
    "## Types",
    "As TypeScript; `?` may be left out. Whole numbers and their bounds, lengths and patterns are in `/openapi.json`.",
    `\`\`\`ts\n${Object.entries(named)
      .filter(([name]) => told.has(name))
      .map(([name, schema]) => interfaceOf(name, schema).replaceAll(" | undefined;", ";"))
      .join("\n\n")}\n\`\`\``,
    "",
  ].join("\n\n");
}

function routeText({ method, path, operation, body, status, answer, form }: Described): string {
  const query = operation.parameters.filter((one) => one.in === "query");
  const given = query.map(({ name, required, schema }) => `\`${name}${required ? "" : "?"}\`: ${code(typeOf(schema))}`);
  const role = operation["x-role"];
  const lines = [
    operation.summary,
    `Who: ${role === "anyone" ? "anyone" : role === "host" ? "hosts of the installation" : `${role}${role === "admin" ? "" : " and above"}`}.`,
    given.length === 0 ? "" : `Query: ${given.join(", ")}.`,
    body === undefined || isNothing(body) ? "" : `Body: ${code(typeOf(body))}.`,
    form === "tunnel"
      ? "Answers 101."
      : form === "text"
        ? "Answers 200: plain text."
        : `${form === "stream" ? "Streams" : `Answers ${status}:`} ${code(isNothing(answer) ? "{}" : typeOf(answer))}.`,
  ];
  return `### ${method} ${path}\n\n${lines.filter((line) => line !== "").join("\n")}`;
}

function code(type: string): string {
  return `\`${type.replaceAll(/\s+/g, " ")}\``;
}
