/** What the generated client makes of answers, and of names that come into paths. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { OpError } from "../../errors/op-error.ts";
import { shapes } from "./generated-api.ts";
import { checked, pathPart, queryText, type AnswerShape } from "./sender.ts";

const look = (shape: AnswerShape<unknown>, document: unknown): unknown => checked(shapes, shape, document);
const detailOf = (shape: AnswerShape<unknown>, document: unknown): string | undefined => {
  try {
    look(shape, document);
  } catch (error) {
    return (error as OpError).detail;
  }
  return undefined;
};

test("an answer that is something else is refused, with every place", () => {
  const operation = { ...finished, steps_done: "3", state: "over", error: { code: "busy" } };
  assert.equal(
    detailOf({ $ref: "Operation" }, operation),
    [
      'state: expected one of "running", "done", "failed", "cancelled".',
      "steps_done: expected integer, found string.",
      "error.message: is missing.",
    ].join("\n"),
  );
  assert.match(detailOf({ type: "array", items: { $ref: "Operation" } }, [finished, 7]) ?? "", /^1: expected object/);
  assert.match(detailOf({ $ref: "Operation" }, null) ?? "", /found null/);
});

test("what a newer agent adds is let through, and what an older one does not say has its default", () => {
  assert.equal(look({ $ref: "Operation" }, finished), finished);
  assert.deepEqual(look({ $ref: "Operation" }, { ...finished, mood: "good" }), { ...finished, mood: "good" });
  const shape = { type: "object", properties: { note: { type: "string", default: "none" } }, required: ["note"] };
  assert.deepEqual(look(shape, {}), { note: "none" });
});

test("names and queries cannot lead to another route", () => {
  assert.equal(pathPart("a/b?c#d"), "a%2Fb%3Fc%23d");
  assert.equal(pathPart(".."), "%2E");
  assert.throws(() => pathPart(""), { code: "usage", message: "a name is empty" });
  assert.equal(queryText({ type: "a&b=c", limit: 3, member: undefined }), "?type=a%26b%3Dc&limit=3");
  assert.equal(queryText({}), "");
});

const finished = {
  id: "1",
  kind: "create",
  cluster: "shop",
  state: "done",
  step: "done",
  steps_done: 3,
  steps_total: 3,
  started_at: "2026-01-01T00:00:00.000Z",
  ended_at: null,
  by: "ada",
  result: { paused_ms: 3 },
  error: null,
};
