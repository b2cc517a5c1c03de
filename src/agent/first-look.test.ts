/** What a new agent waits for before it decides anything. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFirstLookOver, type FirstLook } from "./first-look.ts";

const isOver = (seen: readonly string[], waitedMs: number, arePoolsKnown = true): boolean => {
  const look: FirstLook = {
    members: ["a", "b", "c"],
    seen: new Set(seen),
    isOwn: (id) => id === "a",
    arePoolsKnown,
    waitedMs,
    limitMs: 1200,
  };
  return isFirstLookOver(look);
};

test("everybody was seen: at once, but for pools, which are waited for as hosts are", () => {
  assert.deepEqual([isOver(["a", "b", "c"], 0), isOver(["a", "b", "c"], 1199, false)], [true, false]);
  assert.equal(isOver(["a", "b", "c"], 1200, false), true);
});

test("hosts that say nothing are waited for as long as it takes to call them silent", () => {
  assert.deepEqual([isOver(["a"], 1199), isOver(["a"], 1200)], [false, true]);
});

test("a server of this host is waited for longer, and not for ever", () => {
  assert.deepEqual(
    [isOver(["b", "c"], 1200), isOver(["b", "c"], 9999), isOver(["b", "c"], 10_000)],
    [false, false, true],
  );
});
