import assert from "node:assert/strict";
import { test } from "node:test";
import { hookLimitsSchema } from "./hook-limits.ts";

test("limits of hooks: as text and as an object", () => {
  const limits = { "before-promote": 3000, "after-promote": 120_000 };
  assert.deepEqual(hookLimitsSchema.parse("before-promote=3s, after-promote=2min"), limits);
  assert.deepEqual(hookLimitsSchema.parse({ "before-promote": "3s", "after-promote": "2m" }), limits);
  assert.deepEqual(hookLimitsSchema.parse(""), {});
});

test("limits of hooks: everything that is wrong is said at once", () => {
  const { error } = hookLimitsSchema.safeParse("after_promote=1s,before-stop=60min,before-start=5,after-stop=1ms");
  assert.deepEqual(
    error?.issues.map(({ message }) => message),
    [
      '"after_promote" is the name of no hook. Did you mean "after-promote"?',
      "before-stop may have 0.1 s to 10 s, not 3600 s",
      'before-start: "5" is no length of time, such as 5s or 500ms',
      "after-stop may have 0.1 s to 600 s, not 0.001 s",
    ],
  );
  assert.equal(hookLimitsSchema.safeParse(5).success, false);
});
