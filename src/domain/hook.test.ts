import assert from "node:assert/strict";
import { test } from "node:test";
import { hookLimitRange, hookMeant, hookNames, isHookName } from "./hook.ts";

test("hook names: eight, and what is nearly one is recognised", () => {
  assert.equal(hookNames.length, 8);
  assert.ok(hookNames.every((name) => isHookName(name) && hookMeant(name) === name));
  const meant = ["after_promote", "after-promot", "AfterPromote", "after-promote.sh", "pre-promote"].map(hookMeant);
  assert.deepEqual(meant, [...Array.from({ length: 4 }, () => "after-promote"), undefined]);
  assert.equal(hookMeant("beforestart"), "before-start");
  assert.equal(hookMeant("README"), undefined);
});

test("limits: what delays a turn may be shorter than what runs beside it", () => {
  assert.ok(hookLimitRange("before-promote").maxMs < hookLimitRange("after-promote").maxMs);
});
