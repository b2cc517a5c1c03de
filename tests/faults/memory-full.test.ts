/**
 * A query takes all the memory that its member has: the kernel ends it within that member alone, another member takes
 * over, nothing acknowledged is lost, and the cluster says what happened and what to type.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { groupFile, groupForTest, noGroupsHere, removeGroups } from "../../src/drivers/limits/testing.ts";
import { createCluster, tell, type Cluster } from "./cluster.ts";
import { makeInstallation, type Installation } from "./installation.ts";
import { until } from "./until.ts";

const mib = 1024 ** 2;
/** Twice what a member has here, in one value. */
const greedy = "SELECT length(string_agg(repeat('x', 1000000), '')) FROM generate_series(1, 600)";

describe("memory used up (2 members, 320 MB each)", { skip: noGroupsHere }, () => {
  const cgroup = groupForTest();
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation({ cgroup });
    cluster = await createCluster(installation, "shop", "--members", "2", "--memory", "320MB", "--cpus", "2");
  });
  after(async () => {
    await installation[Symbol.asyncDispose]();
    removeGroups(cgroup);
  });

  test("both members are limited from their first moment, and the status says so", async () => {
    for (const { id, resources } of (await cluster.healthy()).members) {
      assert.equal(resources?.memory_limited, true, id);
      assert.equal(resources.cpus_limited, true, id);
      assert.equal(resources.note, null);
      assert.equal(groupFile(cgroup, id, "memory.limit_in_bytes"), String(320 * mib));
      assert.equal(groupFile(cgroup, id, "cpu.cfs_quota_us"), "200000");
    }
    const { members } = await cluster.until("memory in use", ({ members: seen }) =>
      // An idle standby holds little of its own: what it read is the file system's, and is not counted.
      seen.every(({ resources }) => (resources?.memory_used_bytes ?? 0) > mib),
    );
    assert.equal(members.length, 2);
    assert.match(await installation.ok("status", "shop"), /320 MB and 2 cpus for each member, enforced/);
  });

  test("a query that takes it all: only its member's server ends; the cluster goes on by itself", async () => {
    const since = await cluster.lastEvent();
    const before = await cluster.primary();
    const standby = await cluster.standby();
    const verdict = await cluster.story(async (writer) => {
      await assert.rejects(cluster.query(greedy));
      await writer.acknowledged(50, 30_000);
    });
    tell("memory used up", verdict);
    const told = await cluster.event("member.out-of-memory", since, before.id);
    assert.equal(told.level, "error");
    assert.match(told.message, /used up its 320 MB of memory.*matriarch scale shop --memory 640MB/);
    await cluster.event(["failover.done", "primary.restarted"], since);
    assert.equal((await cluster.member(standby.id)).pid, standby.pid);
    assert.equal(groupFile(cgroup, standby.id, "memory.oom_control").split("\n").at(-1), "oom_kill 0");
    assert.equal((await cluster.member(before.id)).resources?.memory_limited, true);
  });

  test("an agent that starts takes the groups over; a destroyed cluster leaves none", async () => {
    await installation.killAgent();
    await installation.startAgent();
    const { members } = await cluster.until("limited", ({ members: seen }) =>
      seen.every(({ resources }) => resources?.memory_limited === true),
    );
    assert.equal(members.length, 2);
    await installation.ok("destroy", "shop", "--yes");
    await until("its groups to be gone", () => {
      try {
        groupFile(cgroup, "shop-1", "cgroup.procs");
        return undefined;
      } catch {
        return true;
      }
    });
  });
});

describe("limits where nobody may set them", () => {
  test("the cluster works, and says that it is not kept to what it was given, why, and what to do", async () => {
    await using installation = await makeInstallation();
    const cluster = await createCluster(installation, "shop", "--members", "1", "--memory", "256MB");
    const told = await cluster.event("member.not-limited", 0, "shop-1");
    assert.match(told.message, /not kept to the memory and cpus that it was given: it is switched off/);
    assert.match(await installation.ok("member", "list", "shop"), /not yet\n\nshop-1 is not limited: .*switched off/);
    assert.deepEqual(await cluster.query("SELECT 1 AS one"), [{ one: 1 }]);
  });
});
