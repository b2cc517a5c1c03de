/** When snapshots are due and when they go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterSpec } from "./cluster.ts";
import {
  dailyAtMs,
  isDailyDue,
  isSnapshotId,
  keptUntil,
  lastDueAt,
  snapshotId,
  takenAt,
  type Snapshot,
} from "./snapshot.ts";

const dayMs = 86_400_000;
const spec: ClusterSpec = {
  name: "shop",
  generation: 1,
  major: 18,
  engine: "embedded",
  durability: "quorum",
  members: ["shop-1"],
  primaryRegion: "local",
  lastMember: 1,
  wish: "running",
  memoryBytes: 1,
  cpus: 1,
  ports: { primary: 5432, read: 5433 },
  settings: {},
  readLagBytesMax: 0,
  failoverLagBytesMax: 0,
  systemIdentifier: "7",
  createdAt: 100 * dayMs,
};

test("a daily snapshot is due once a day, at the cluster's own minute, and not on the day that it was made", () => {
  const due = 110 * dayMs + dailyAtMs("shop");
  assert.equal(lastDueAt("shop", due), due);
  assert.equal(lastDueAt("shop", due - 1), due - dayMs);
  assert.equal(isDailyDue(spec, undefined, due), true);
  assert.equal(isDailyDue(spec, due + 1000, due + 5000), false);
  assert.equal(isDailyDue(spec, due - dayMs + 1000, due - 1), false);
  assert.equal(isDailyDue(spec, due - dayMs + 1000, due), true);
  const born = { ...spec, createdAt: due + 1 };
  assert.equal(isDailyDue(born, undefined, due + 2), false);
  assert.equal(isDailyDue({ ...spec, snapshots: { daily: false, keptDays: 5 } }, undefined, due), false);
});

test("many clusters are spread over the day", () => {
  const hours = new Set(Array.from({ length: 200 }, (_, n) => Math.floor(dailyAtMs(`shop-${n}`) / 3_600_000)));
  assert.ok(hours.size > 18, `${hours.size} hours of the day are used`);
});

test("a snapshot goes after its own days, else the cluster's; another cluster of the name has no say", () => {
  const snapshot = { createdAt: 1000, spec } as const;
  const of = (more: Partial<Snapshot>): Snapshot => ({ ...base, ...snapshot, ...more });
  const kept = (days: number): ClusterSpec => ({ ...spec, snapshots: { daily: true, keptDays: days } });
  assert.equal(keptUntil(of({}), undefined), 1000 + 5 * dayMs);
  assert.equal(keptUntil(of({}), kept(9)), 1000 + 9 * dayMs);
  assert.equal(keptUntil(of({ keptDays: 30 }), kept(9)), 1000 + 30 * dayMs);
  assert.equal(keptUntil(of({}), { ...kept(9), systemIdentifier: "8" }), 1000 + 5 * dayMs);
});

const base: Snapshot = {
  id: "shop-20261121T225301Z-00ff",
  cluster: "shop",
  member: "shop-1",
  host: "a",
  createdAt: 0,
  tookMs: 1,
  by: "ada",
  why: "asked",
  how: "atomic",
  role: "standby",
  timeline: 1,
  version: "18.4",
  bytes: 1,
  spec,
};

test("an id is a plain name that tells cluster and time", () => {
  const id = snapshotId("shop-2", Date.UTC(2026, 10, 21, 22, 53, 1, 5), "00ff");
  assert.equal(id, "shop-2-20261121T225301Z-00ff");
  assert.ok(isSnapshotId(id));
  assert.equal(takenAt(id), Date.UTC(2026, 10, 21, 22, 53, 1));
  for (const bad of ["", "..", "shop", "a/b-20261121T225301Z-00ff", `${id}x`, `../${id}`])
    assert.ok(!isSnapshotId(bad), bad);
});
