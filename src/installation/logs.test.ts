/** What the API takes as a question for logs. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { logsQuerySchema } from "../contract/logs.ts";

test("a cursor that no answer gave is refused", () => {
  for (const cursor of ["", "x", "[]", '{"a":-1}', '{"a":"1"}', '{"a":"/etc/passwd:1"}'])
    assert.ok(!logsQuerySchema.safeParse({ cursor }).success, cursor);
  assert.deepEqual(logsQuerySchema.parse({ cursor: '{"/shop-1 json":"5:3"}' }).cursor, { "/shop-1 json": "5:3" });
});

test("moments are told apart whatever their zone, and nonsense is refused", () => {
  assert.equal(logsQuerySchema.parse({ since: "2026-11-22T04:00:00+01:00" }).since, "2026-11-22T03:00:00.000Z");
  for (const query of [
    { since: "yesterday" },
    { level: "loud" },
    { process: "bash" },
    { grep: "" },
    { limit: -1 },
    { x: 1 },
  ])
    assert.ok(!logsQuerySchema.safeParse(query).success, JSON.stringify(query));
});
