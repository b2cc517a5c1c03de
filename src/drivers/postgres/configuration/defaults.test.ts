import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseMemory, computeSettings, standbyMinimums, type Sizing } from "./defaults.ts";

const gib = 1024 ** 3;
const laptop: Sizing = { major: 18, memoryBytes: gib, cpus: 2, diskBytes: 252 * gib, members: 3 };

test("defaults: a dev member on a laptop stays small", () => {
  assert.equal(chooseMemory("dev", 24 * gib, 3), gib);
  const settings = computeSettings(laptop, "linux");
  assert.deepEqual(
    pick(settings, ["shared_buffers", "max_connections", "work_mem", "max_wal_size", "max_slot_wal_keep_size"]),
    {
      shared_buffers: "256MB",
      max_connections: "200",
      work_mem: "4MB",
      max_wal_size: "3440MB",
      max_slot_wal_keep_size: "17203MB",
    },
  );
});

test("defaults: a large production member takes what it has", () => {
  const settings = computeSettings({ ...laptop, memoryBytes: 64 * gib, cpus: 16, diskBytes: 2048 * gib }, "linux");
  assert.deepEqual(
    pick(settings, ["shared_buffers", "effective_cache_size", "max_connections", "work_mem", "maintenance_work_mem"]),
    {
      shared_buffers: "16384MB",
      effective_cache_size: "49152MB",
      max_connections: "500",
      work_mem: "31MB",
      maintenance_work_mem: "4096MB",
    },
  );
});

test("defaults: memory of all members together stays within the machine's", () => {
  for (const preset of ["dev", "production", "critical"] as const) {
    for (const members of [1, 3, 9]) assert.ok(chooseMemory(preset, 16 * gib, members) * members <= 12 * gib);
  }
  assert.equal(chooseMemory("dev", gib, 3), gib / 4, "never below what a server starts with");
});

test("defaults: retained WAL is bounded and leaves room on the disk, however small it is", () => {
  for (const diskBytes of [5 * gib, 20 * gib, 252 * gib, 10_000 * gib]) {
    const settings = computeSettings({ ...laptop, diskBytes }, "linux");
    const kept = megabytes(settings["max_slot_wal_keep_size"]) + megabytes(settings["max_wal_size"]);
    assert.ok(kept * 3 < (diskBytes / 1024 ** 2) * 0.95, `${kept} MB of ${diskBytes}`);
  }
});

test("defaults: what Linux alone has is left out elsewhere, and what a major lacks too", () => {
  const mac = computeSettings({ ...laptop, major: 16 }, "darwin");
  assert.equal(
    mac["effective_io_concurrency"] ?? mac["recovery_init_sync_method"] ?? mac["allow_alter_system"],
    undefined,
  );
  assert.equal(computeSettings({ ...laptop, major: 17 }, "linux")["allow_alter_system"], "off");
});

test("defaults: a standby's minimums do not shrink when members are added", () => {
  const one = computeSettings({ ...laptop, members: 1 }, "linux");
  const nine = computeSettings({ ...laptop, members: 9 }, "linux");
  assert.deepEqual(pick(one, standbyMinimums), pick(nine, standbyMinimums));
});

function pick(
  settings: Readonly<Record<string, string>>,
  names: readonly string[],
): Record<string, string | undefined> {
  return Object.fromEntries(names.map((name) => [name, settings[name]]));
}

function megabytes(value: string | undefined): number {
  const number = /^(\d+)MB$/.exec(value ?? "")?.[1];
  assert.ok(number);
  return Number(number);
}
