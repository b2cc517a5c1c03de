/** When proofs are due, when they are overdue, and what counts of a running table say about a moment between them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isProofDue,
  isProofOverdue,
  judgeCount,
  nextProofAt,
  proofTurnAt,
  secondWithin,
  type Proof,
  type TableCount,
} from "./proof.ts";
import { defaultProofPolicy } from "./proof-policy.ts";

const day = 86_400_000;
const now = Date.parse("2026-11-22T12:00:00Z");

function proofAt(at: number, problems: readonly string[] = []): Proof {
  const figures = { bytes: 0, tables: 0, rows: 0, whole: 0, unchecked: 0, pages: 0, counts: [] };
  return { at, tookMs: 1, by: "ada", from: "snapshot", base: "s", target: at, problems, ...figures };
}

test("a turn comes once a week, at another time for another cluster, and stays due until it is taken", () => {
  const scheduled = { cluster: "shop", policy: defaultProofPolicy, createdAt: now - 30 * day, proofs: [] };
  const turn = proofTurnAt("shop", 7, now);
  assert.ok(turn <= now && now - turn < 7 * day);
  assert.notEqual(proofTurnAt("blog", 7, now), turn);
  assert.equal(isProofDue({ ...scheduled, createdAt: turn + 1 }, turn + 6 * day), false, "not at once for a new one");
  assert.equal(isProofDue({ ...scheduled, proofs: [proofAt(turn - 1)] }, turn), true);
  assert.equal(isProofDue({ ...scheduled, proofs: [proofAt(turn - 1)] }, turn + 3 * day), true, "missed, caught up");
  const taken = { ...scheduled, proofs: [proofAt(turn + 1)] };
  assert.equal(isProofDue(taken, turn + 6 * day), false);
  assert.equal(nextProofAt(taken, turn + 6 * day), turn + 7 * day);
  assert.equal(isProofDue({ ...scheduled, proofs: [proofAt(turn + 900 * day)] }, turn + 1), true, "a clock went ahead");
  assert.equal(isProofDue({ ...scheduled, policy: { ...defaultProofPolicy, everyDays: 0 } }, now), false);
});

test("one that failed is tried again a day later, and two turns without one that passed are overdue", () => {
  const turn = proofTurnAt("shop", 7, now);
  const failed = { cluster: "shop", policy: defaultProofPolicy, createdAt: 0, proofs: [proofAt(turn, ["damaged"])] };
  assert.equal(isProofDue(failed, turn + day - 1), false);
  assert.equal(nextProofAt(failed, turn + day - 1), turn + day);
  assert.equal(isProofDue(failed, turn + day), true);
  assert.equal(isProofOverdue(failed, turn), true, "a failed one counts for nothing");
  const passed = { ...failed, proofs: [proofAt(turn), proofAt(turn + day, ["damaged"])] };
  assert.equal(isProofOverdue(passed, turn + 14 * day), false);
  assert.equal(isProofOverdue(passed, turn + 14 * day + 1), true);
  assert.equal(
    isProofOverdue({ ...passed, policy: { ...defaultProofPolicy, since: turn + day } }, turn + 15 * day),
    false,
  );
});

function count(at: number, rows: number, inserted: number, deleted: number, origin = "1"): TableCount {
  const changes = { inserted, deleted };
  return { table: "t", begunAt: at, endedAt: at, rows, before: changes, after: changes, origin };
}

test("rows of a moment lie between what was counted before it, less deletes, and with inserts until the next count", () => {
  const counts = [count(1000, 10, 100, 5), count(100_000, 12, 110, 13)];
  const judged = (rows: number | undefined, at = 50_000) => judgeCount("t", rows, counts, at);
  assert.deepEqual(judged(10), { table: "t", rows: 10, atLeast: 2, atMost: 20, verdict: "within" });
  assert.equal(judged(1).verdict, "outside");
  assert.equal(judged(21).verdict, "outside");
  assert.equal(judged(undefined).verdict, "outside", "it was there before and after");
  assert.equal(judged(21, 99_000).verdict, "unsure", "counters are late by up to ten seconds");
  assert.equal(judged(10, 500).verdict, "unsure", "nobody had counted yet");
  assert.equal(judged(10, 200_000).verdict, "unsure");
  assert.equal(judgeCount("t", 99, [count(1, 1, 1, 0), count(90_000, 1, 1, 0, "2")], 50_000).verdict, "unsure");
  const late = [count(1000, 10, 100, 0), count(100_000, 30, 100, 0)];
  assert.equal(judgeCount("t", 30, late, 50_000).verdict, "within", "what was counted counts, whatever counters say");
});

test("each second of the windows is chosen as often as another, and none outside of them", () => {
  const windows = [
    { from: 1500, until: 4999 },
    { from: 9000, until: 9999 },
  ];
  const chosen = [0, 0.25, 0.5, 0.75, 0.999].map((chance) => secondWithin(windows, chance));
  assert.deepEqual(chosen, [2000, 3000, 4000, 9000, 9000]);
  assert.equal(secondWithin([{ from: 1200, until: 1800 }], 0.5), 1800);
  assert.equal(secondWithin([], 0.5), undefined);
});
