/** Which forks go by themselves, and when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterOf } from "../../core/testing.ts";
import { expiredForks } from "./expiry.ts";

test("a fork goes when its time is over, by the host of its primary; one without a time never does", () => {
  const until = (expiresAt: number) =>
    clusterOf({ spec: { name: `until-${expiresAt}`, fork: { of: "shop", at: 1, expiresAt } } });
  const records = [
    until(100),
    until(101),
    clusterOf({ spec: { name: "kept", fork: { of: "shop", at: 1 } } }),
    clusterOf(),
  ];
  const names = (here: string, now: number) =>
    expiredForks(records, ({ id }) => id === here, now).map(({ name }) => name);
  assert.deepEqual(names("a", 99), []);
  assert.deepEqual(names("a", 100), ["until-100"]);
  assert.deepEqual(names("a", 500), ["until-100", "until-101"]);
  assert.deepEqual(names("b", 500), []);
});
