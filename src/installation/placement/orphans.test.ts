/** What a host has of members that are gone: its server is ended, its directory put aside; everything else stays. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { clusterOf } from "../../core/testing.ts";
import { MemoryStore } from "../../drivers/store/memory.ts";
import { createCluster } from "../../drivers/store/records.ts";
import { putOrphansAside } from "./orphans.ts";

test("orphans: a member that is gone, one that lives on another host now, one that is here", async () => {
  const home = await mkdtemp(join(tmpdir(), "matriarch-orphans-"));
  const clustersDirectory = join(home, "clusters");
  for (const member of ["shop-1", "shop-2", "shop-3"])
    await mkdir(join(clustersDirectory, "shop", member, "data"), { recursive: true });
  // Removed in order: nothing of it is kept, and nothing told.
  await mkdir(join(clustersDirectory, "shop", "shop-4"));
  const { spec, reign, rule, timelines, members } = clusterOf({
    spec: { members: ["shop-1", "shop-2"] },
    records: { "shop-1": { host: "here" }, "shop-2": { host: "there" } },
  });
  const store = new MemoryStore();
  await createCluster(store, {
    spec: spec.value,
    reign: reign.value,
    rule: rule.value,
    timelines: timelines.value,
    members: Object.values(members).map(({ value }) => value),
  });
  const server = spawn("sleep", ["60"], { cwd: join(clustersDirectory, "shop", "shop-3", "data"), stdio: "ignore" });
  await once(server, "spawn");
  const told: unknown[] = [];
  try {
    await putOrphansAside({
      store,
      events: { emit: (type: string, about: { member?: string }) => void told.push([type, about.member]) },
      operations: { list: () => [] },
      clock: { now: () => 0, wallNow: () => 7 },
      home,
      clustersDirectory,
      hostName: "here",
    });
    assert.deepEqual(await readdir(join(clustersDirectory, "shop")), ["shop-1"]);
    assert.deepEqual((await readdir(join(home, "aside"))).toSorted(), ["shop-2-7", "shop-3-7"]);
    assert.deepEqual(told, [
      ["member.orphaned", "shop-2"],
      ["member.orphaned", "shop-3"],
    ]);
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
    assert.equal(server.signalCode, "SIGKILL");
  } finally {
    server.kill("SIGKILL");
    await rm(home, { recursive: true, force: true });
  }
});
