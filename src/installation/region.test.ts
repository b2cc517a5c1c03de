/** When a change of the primary region has come to its end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterOf, ruleOf, type ClusterChange } from "../core/testing.ts";
import { hasMoved } from "./region.ts";

const there = { b: { region: "us" }, c: { region: "us" } };
const moved = (change: ClusterChange): boolean =>
  hasMoved({ record: clusterOf({ records: { a: { region: "eu" }, ...there }, ...change }) }, "us");
const spec = (primaryRegion: string) => ({ members: ["a", "b", "c"], primaryRegion });

test("primary region: moved once the primary and all voters are in it", () => {
  assert.equal(moved({ spec: spec("us"), reign: { holder: "b" }, rule: ruleOf(1, "c") }), true);
  assert.equal(moved({ spec: spec("us"), reign: { holder: "a" }, rule: ruleOf(1, "c") }), false);
  assert.equal(moved({ spec: spec("us"), reign: { holder: "b" }, rule: ruleOf(1, "a") }), false);
  assert.equal(moved({ spec: spec("us"), reign: { holder: "b", phase: "taken" }, rule: ruleOf(1, "c") }), false);
});

test("primary region: a record from before the change tells nothing of it", () => {
  // The primary is in the region that was the primary one until now.
  assert.equal(moved({ spec: spec("eu"), reign: { holder: "a" }, rule: ruleOf(0) }), false);
});
