import assert from "node:assert/strict";
import { test } from "node:test";
import { toLsn } from "../domain/lsn.ts";
import type { RunningServer } from "../domain/server.ts";
import { Freshness, type LagLimits } from "./freshness.ts";

const limits: LagLimits = { readLagBytesMax: 1000, reads: { lagMsMax: 10_000 } };

function at(replayed: bigint): RunningServer {
  return {
    kind: "running",
    role: "standby",
    since: 0,
    timeline: 1,
    flushed: toLsn(replayed),
    replayed: toLsn(replayed),
    upstream: "a",
    receiving: true,
    streaming: true,
    notStreamingSince: undefined,
    walMissing: false,
    syncNames: "",
    standbys: [],
    slots: [],
    flushStuckSince: undefined,
    pendingRestart: false,
    configured: 1,
  };
}

/** The primary's log ends at `end` at each of these moments. */
function knowing(...words: readonly (readonly [end: bigint, at: number])[]): Freshness {
  const freshness = new Freshness();
  for (const [end, when] of words) freshness.primaryAt(toLsn(end), when);
  return freshness;
}

test("a standby of an idle primary is not behind, however long nothing was written", () => {
  const freshness = knowing([100n, 0], [100n, 3_600_000]);
  assert.deepEqual(freshness.look("b", at(100n), limits, 3_600_000, true), { lagBytes: 0, lagMs: 0, isBehind: false });
});

test("time counts from when this host knew of what is missing, not from the last that was replayed", () => {
  const freshness = knowing([100n, 0], [200n, 60_000], [300n, 61_000]);
  const { lagMs, lagBytes } = freshness.look("b", at(150n), limits, 64_000, true);
  assert.deepEqual([lagMs, lagBytes], [4000, 150]);
});

test("what was missing before this host began to look counts as long ago, after a moment of grace", () => {
  const freshness = knowing([100n, 5000]);
  assert.equal(freshness.look("b", at(50n), limits, 6000, true).lagMs, 0);
  const late = freshness.look("b", at(50n), limits, 8000, true);
  assert.deepEqual([late.lagMs, late.isBehind], [null, true]);
});

test("without a word of the primary what it has written since is not known, unless the stream itself is from it", () => {
  const freshness = knowing([100n, 0]);
  assert.equal(freshness.look("b", at(100n), limits, 9000, false).lagMs, 9000);
  assert.equal(freshness.look("c", at(100n), limits, 9000, true).lagMs, 0);
});

test("a new primary's log that ends sooner takes away what was beyond it", () => {
  const freshness = knowing([100n, 0], [900n, 1000], [200n, 2000]);
  assert.equal(freshness.look("b", at(200n), limits, 30_000, true).lagMs, 0);
});

test("it leaves beyond either limit, and is back after a while well within both; each time that while is longer", () => {
  const freshness = knowing([100n, 0]);
  const isBehind = (replayed: bigint, now: number): boolean =>
    freshness.look("b", at(replayed), limits, now, true).isBehind;
  let now = 1000;
  for (const waitMs of [5000, 10_000]) {
    freshness.primaryAt(toLsn(BigInt(now) * 1000n), now);
    const end = BigInt(now) * 1000n;
    assert.equal(isBehind(end - 1001n, now), true, "too many bytes");
    assert.equal(isBehind(end - 600n, now + 1000), true, "within the limit, not well within");
    assert.equal(isBehind(end, now + 2000), true);
    assert.equal(isBehind(end, now + 2000 + waitMs - 1), true);
    assert.equal(isBehind(end, now + 2000 + waitMs), false);
    now += 60_000;
  }
  freshness.primaryAt(toLsn(BigInt(now) * 1000n), now);
  const missing = BigInt(now) * 1000n - 1n;
  assert.equal(isBehind(missing, now + 10_000), false);
  assert.equal(isBehind(missing, now + 10_001), true, "too long");
});
