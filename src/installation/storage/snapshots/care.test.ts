/** Snapshots that nobody asked for, on a clock of the test's own: taken once a day, tried again, told once, ended in time. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { clusterOf } from "../../../core/testing.ts";
import type { ClusterSpec } from "../../../domain/cluster.ts";
import { dailyAtMs, snapshotId, type Snapshot } from "../../../domain/snapshot.ts";
import { openVolumePool } from "../../../drivers/volume/open.ts";
import { OpError } from "../../../errors/op-error.ts";
import { DailySnapshots, expireSnapshots, type DailyParts } from "./care.ts";
import { describeSnapshot, makeSnapshotDirectory, readSnapshots, removeLeftOvers, volumeOfSnapshot } from "./files.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const due = 20_000 * dayMs + dailyAtMs("shop");

interface At {
  now: number;
  newest: number | undefined;
  refuse: OpError | undefined;
}

function daily(spec: Partial<ClusterSpec> = {}, change: Partial<DailyParts> = {}) {
  const told: string[] = [];
  const at: At = { now: due, newest: undefined, refuse: undefined };
  const care = new DailySnapshots({
    records: () => [clusterOf({ spec: { name: "shop", createdAt: due - 9 * dayMs, ...spec } })],
    isHere: ({ id }) => id === "a",
    wallNow: () => at.now,
    newestDaily: async () => at.newest,
    begin: async () => {
      if (at.refuse) throw at.refuse;
      told.push("begun");
      at.newest = at.now;
    },
    skipped: (_, reason) => told.push(`skipped: ${reason}`),
    failed: () => undefined,
    ...change,
  });
  return { care, told, at };
}

test("one is taken when the day's minute has come, and no other that day", async () => {
  const { care, told, at } = daily();
  at.newest = due - dayMs;
  at.now = due - 1000;
  await care.look();
  assert.deepEqual(told, []);
  for (at.now = due; at.now < due + dayMs; at.now += hourMs) await care.look();
  assert.deepEqual(told, ["begun"]);
  at.now = due + dayMs;
  await care.look();
  assert.deepEqual(told, ["begun", "begun"]);
});

test("none is taken by a host without the primary, of a stopped cluster, or where it is turned off", async () => {
  for (const { care, told } of [
    daily({}, { isHere: ({ id }) => id === "b" }),
    daily({ wish: "stopped" }),
    daily({ snapshots: { daily: false, keptDays: 5 } }),
    daily({ createdAt: due + 1 }),
  ]) {
    await care.look();
    assert.deepEqual(told, []);
  }
});

test("one for which there is no room is tried again every hour, and told once a day", async () => {
  const { care, told, at } = daily();
  at.refuse = new OpError("too-little-disk", { message: "no room", detail: "None at all." });
  for (; at.now < due + 5 * hourMs; at.now += 60_000) await care.look();
  assert.deepEqual(told, ["skipped: no room. None at all."]);
  at.refuse = undefined;
  at.now += hourMs;
  await care.look();
  assert.deepEqual(told.slice(1), ["begun"]);
});

test("a snapshot goes when its time is over; those of a cluster that is gone are kept as long", async (t) => {
  const places = { home: await temporary(t) };
  const pool = await openVolumePool(places.home);
  const make = async (days: number, more: Partial<Snapshot> = {}): Promise<Snapshot> => {
    const createdAt = due - days * dayMs;
    const cluster = more.cluster ?? "shop";
    const id = snapshotId(cluster, createdAt, "00ff");
    const snapshot: Snapshot = { ...base, id, cluster, createdAt, ...more };
    await makeSnapshotDirectory(places, cluster);
    await pool.create(volumeOfSnapshot(places, snapshot), { owner: undefined });
    await describeSnapshot(places, snapshot);
    return snapshot;
  };
  const old = await make(8);
  const young = await make(6);
  const kept = await make(9, { keptDays: 30 });
  const gone = await make(6, { cluster: "gone" });
  const long = await make(4, { cluster: "gone" });
  const spec: ClusterSpec = { ...base.spec, snapshots: { daily: true, keptDays: 7 } };
  const expired = await expireSnapshots(places, pool, (name) => (name === "shop" ? spec : undefined), due);
  assert.deepEqual(expired.map(({ id }) => id).toSorted(), [gone.id, old.id].toSorted());
  assert.deepEqual(await readSnapshots(places, "shop"), [kept, young]);
  assert.deepEqual(await readSnapshots(places, "gone"), [long]);
  assert.equal((await readdir(join(places.home, "snapshots", "shop"))).length, 4);
});

test("what was never described goes, if an agent before began it", async (t) => {
  const places = { home: await temporary(t) };
  const pool = await openVolumePool(places.home);
  const ids = [snapshotId("shop", due - 5000, "00aa"), snapshotId("shop", due + 5000, "00bb")];
  for (const id of ids) await pool.create(volumeOfSnapshot(places, { cluster: "shop", id }), { owner: undefined });
  await removeLeftOvers(places, pool, due);
  assert.deepEqual(await readdir(join(places.home, "snapshots", "shop")), [ids[1]]);
});

async function temporary(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "matriarch-snapshots-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

const base: Snapshot = {
  id: "",
  cluster: "shop",
  member: "shop-1",
  host: "a",
  createdAt: 0,
  tookMs: 1,
  by: "matriarch",
  why: "daily",
  how: "atomic",
  role: "standby",
  timeline: 1,
  version: "18.4",
  bytes: 1,
  spec: clusterOf({ spec: { name: "shop" } }).spec.value,
};
