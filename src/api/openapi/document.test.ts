/** The OpenAPI document: complete, and every route in it with what is needed to call it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";

import { servedRoutes } from "../routes/served.ts";
import { openApiDocument } from "./document.ts";

const document: unknown = JSON.parse(JSON.stringify(openApiDocument(servedRoutes)));

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null
        ? Object.entries(inner).find(([key]) => key === name)?.[1]
        : undefined,
    value,
  );
}

test("it is an OpenAPI 3.1 document, by the schema of OpenAPI", async () => {
  const validator = new Validator();
  const whole: Record<string, unknown> = JSON.parse(JSON.stringify(document));
  const { valid, errors } = await validator.validate(structuredClone(whole));
  assert.ok(valid, JSON.stringify(errors, undefined, 2));
  assert.equal(validator.version, "3.1");
  const broken = { ...whole, paths: { "/v1/clusters": { get: { responses: "none" } } } };
  assert.equal((await new Validator().validate(broken)).valid, false);
});

test("every route is in it, with its role, its answers and its errors", () => {
  for (const { method, path, id, role, status } of servedRoutes) {
    const operation = at(document, "paths", path.replaceAll(/:(\w+)/g, "{$1}"), method.toLowerCase());
    assert.equal(at(operation, "operationId"), id, `${method} ${path}`);
    assert.equal(at(operation, "x-role"), role);
    for (const answer of [String(status), "400", "401", "403", "500"])
      assert.ok(at(operation, "responses", answer), `${id} has no ${answer}`);
    assert.equal(at(operation, "security") !== undefined, role === "anyone", id);
  }
});

test("no two routes have one name, and every reference leads somewhere", () => {
  const ids = servedRoutes.map(({ id }) => id);
  assert.deepEqual(
    ids.filter((id, index) => ids.indexOf(id) !== index),
    [],
  );
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path ?? "");
  assert.ok(references.length > 100);
  for (const reference of new Set(references)) assert.ok(at(document, ...reference.split("/")), reference);
});
