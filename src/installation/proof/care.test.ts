/** Test restores that nobody asks for, on a clock of the test's own: begun in their turn, put off and overdue told once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterOf } from "../../core/testing.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import { proofTurnAt, type Proof, type TableCount } from "../../domain/proof.ts";
import { OpError } from "../../errors/op-error.ts";
import { ProofCare, type ProofCareParts } from "./care.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const minuteMs = 60_000;
const turn = proofTurnAt("shop", 7, 20_000 * dayMs);

function begun(spec: Partial<ClusterSpec> = {}, change: Partial<ProofCareParts> = {}) {
  const told: string[] = [];
  const proofs: Proof[] = [];
  const counts: TableCount[] = [];
  const at = { now: turn, refuse: undefined as OpError | undefined, passes: true, isTold: false };
  const care = new ProofCare({
    records: () => [clusterOf({ spec: { name: "shop", createdAt: turn - dayMs, ...spec } })],
    isOurs: () => true,
    wallNow: () => at.now,
    proofs: () => ({ systemIdentifier: "1", proofs, counts }),
    isBusy: () => false,
    begin: async () => {
      if (at.refuse) throw at.refuse;
      told.push("begun");
      const figures = { bytes: 0, tables: 0, rows: 0, whole: 0, unchecked: 0, pages: 0, counts: [] };
      const problems = at.passes ? [] : ["damaged"];
      proofs.push({ at: at.now, tookMs: 1, by: "m", from: "snapshot", base: "s", target: 0, problems, ...figures });
    },
    count: async () => {
      told.push("counted");
      const none = { inserted: 0, deleted: 0 };
      const times = { begunAt: at.now, endedAt: at.now };
      counts.push({ table: "t", ...times, rows: 0, before: none, after: none, origin: "" });
    },
    isTold: () => at.isTold,
    overdue: () => {
      at.isTold = true;
      told.push("overdue");
    },
    postponed: (_, reason) => told.push(`put off: ${reason}`),
    failed: (_, error) => told.push(`failed: ${String(error)}`),
    ...change,
  });
  const lookUntil = async (end: number, everyMs = hourMs): Promise<readonly string[]> => {
    for (; at.now < end; at.now += everyMs) await care.look();
    return told.splice(0);
  };
  return { at, care, told, lookUntil };
}

test("one a week, and by a new agent none that was made", async () => {
  const { at, lookUntil } = begun();
  at.now = turn - dayMs;
  assert.deepEqual(await lookUntil(turn - 1), []);
  assert.deepEqual(await lookUntil(turn + 7 * dayMs - hourMs), ["begun"]);
  assert.deepEqual(await lookUntil(turn + 8 * dayMs), ["begun"]);
});

test("none by a host without the primary, of a cluster at rest, of one that is busy, or where it is off", async () => {
  const never = { proofs: { everyDays: 0, tables: [], since: 0 } };
  for (const { lookUntil } of [
    begun({}, { isOurs: () => false }),
    begun({ wish: "stopped" }),
    begun({}, { isBusy: () => true }),
    begun(never),
  ])
    assert.deepEqual(await lookUntil(turn + 13 * dayMs), []);
});

test("without room it is put off, told once a day, and made as soon as there is some", async () => {
  const { at, lookUntil } = begun();
  at.refuse = new OpError("too-little-disk", { message: "too small" });
  assert.deepEqual(await lookUntil(turn + dayMs, minuteMs), ["put off: too small"]);
  assert.deepEqual(await lookUntil(turn + 2 * dayMs, minuteMs), ["put off: too small"]);
  at.refuse = undefined;
  assert.deepEqual(await lookUntil(turn + 3 * dayMs, minuteMs), ["begun"]);
});

test("while another one is under way none is begun, and one as soon as that has ended without a record", async () => {
  const { at, lookUntil } = begun();
  at.refuse = new OpError("busy", { message: "under way" });
  const said = await lookUntil(turn + 5 * minuteMs, minuteMs);
  assert.deepEqual(said, Array(5).fill("failed: OpError: under way"));
  at.refuse = undefined;
  assert.deepEqual(await lookUntil(turn + 7 * minuteMs, minuteMs), ["begun"]);
});

test("one that failed is made again each day; two weeks without one that passed are told as overdue, once", async () => {
  const { at, lookUntil } = begun();
  at.passes = false;
  const said = await lookUntil(turn + 20 * dayMs);
  assert.equal(said.filter((what) => what === "begun").length, 20);
  assert.equal(said.filter((what) => what === "overdue").length, 1);
  at.passes = true;
  assert.deepEqual(await lookUntil(turn + 21 * dayMs), ["begun"]);
});

test("marked tables are counted once a day, also where no test restore is made", async () => {
  const { lookUntil } = begun({ proofs: { everyDays: 0, tables: ["a.b.c"], since: 0 } });
  assert.deepEqual(await lookUntil(turn + 3 * dayMs), ["counted", "counted", "counted"]);
});
