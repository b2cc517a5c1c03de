/** The arithmetic of the ledger: windows, overlaps, what was stopped as asked, what lasts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pause } from "../contract/downtime.ts";
import { sumUp } from "./downtime.ts";

const at = (seconds: number): number => Date.UTC(2026, 10, 1) + seconds * 1000;
const pause = (from: number, until: number | null, why: Pause["why"] = "switchover", now = 1000): Pause => ({
  from: new Date(at(from)).toISOString(),
  to: until === null ? null : new Date(at(until)).toISOString(),
  ms: ((until ?? now) - from) * 1000,
  why,
  by: "ann",
  member: null,
});
const within = (pauses: readonly Pause[], from = 0, until = 1000) =>
  sumUp("shop", pauses, { from: at(from), until: at(until) });

test("downtime: nothing happened: all of the time", () => {
  const { paused_ms: paused, availability_percent: available, pauses } = within([]);
  assert.deepEqual([paused, available, pauses], [0, 100, []]);
});

test("downtime: each pause counts, oldest first, and two that lie over each other count once", () => {
  const sums = within([pause(500, 510), pause(100, 120, "voters"), pause(110, 130, "failover")]);
  assert.equal(sums.paused_ms, 40_000);
  assert.equal(sums.longest_ms, 20_000);
  assert.equal(sums.availability_percent, 96);
  assert.deepEqual(
    sums.pauses.map(({ why }) => why),
    ["voters", "failover", "switchover"],
  );
});

test("downtime: what lies outside of the window counts not, and what begins before it from there on", () => {
  const sums = within([pause(10, 20), pause(90, 110), pause(990, 1010)], 100);
  assert.deepEqual([sums.pauses.length, sums.paused_ms], [2, 20_000]);
});

test("downtime: what was stopped as asked is neither up nor down", () => {
  const sums = within([pause(100, 600, "stop"), pause(50, 100, "crash")]);
  assert.deepEqual([sums.stopped_ms, sums.paused_ms, sums.availability_percent], [500_000, 50_000, 90]);
  assert.equal(within([pause(0, null, "stop")]).availability_percent, null);
});

test("downtime: one that lasts counts up to now", () =>
  assert.equal(within([pause(900, null, "failover")]).availability_percent, 90));
