/** `scale --memory --cpus`: what follows from them on every member and for those to come, and what is refused. */
import assert from "node:assert/strict";
import { totalmem } from "node:os";
import { after, before, describe, test } from "node:test";
import { groupFile, groupForTest, noGroupsHere, removeGroups } from "../../src/drivers/limits/testing.ts";
import { scalePlanSchema } from "../../src/contract/scale.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { until } from "../faults/until.ts";

const mib = 1024 ** 2;

describe("scale in size (2 members)", () => {
  const cgroup = groupForTest();
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation(noGroupsHere === false ? { cgroup } : {});
    const flags = ["--members", "2", "--memory", "512MB", "--cpus", "1", "--set", "maintenance_work_mem=50MB"];
    cluster = await createCluster(installation, "shop", ...flags);
  });
  after(async () => {
    await installation[Symbol.asyncDispose]();
    if (noGroupsHere === false) removeGroups(cgroup);
  });

  /** As each member has it: from a new session of its own. */
  async function onEach(setting: string): Promise<readonly unknown[]> {
    const { members } = await cluster.healthy();
    return Promise.all(
      members.map(async (member) => (await cluster.query(`SHOW ${setting}`, cluster.direct(member)))[0]?.[setting]),
    );
  }

  async function limits(): Promise<readonly number[]> {
    const { members } = await cluster.healthy();
    return members.map(({ id }) => Number(groupFile(cgroup, `-${id}`, "memory.limit_in_bytes")) / mib);
  }

  async function given(): Promise<unknown> {
    const { members } = await cluster.healthy();
    return members.map(({ id, resources }) => [
      id,
      resources?.memory_bytes,
      resources?.cpus,
      resources?.memory_limited,
    ]);
  }

  test("a dry run tells what would change, what stays and what needs a restart; nothing changes", async () => {
    const since = await cluster.lastEvent();
    const before = [await given(), await onEach("shared_buffers")];
    const plan = scalePlanSchema.parse(await installation.json("scale", "shop", "--memory", "1GB", "--dry-run"));
    assert.deepEqual(plan.memory_bytes, { before: 512 * mib, after: 1024 * mib });
    const buffers = plan.changes.find(({ name }) => name === "shared_buffers");
    assert.deepEqual(buffers, {
      name: "shared_buffers",
      before: "51 MB",
      after: "256 MB",
      source: "computed",
      restart: true,
    });
    assert.deepEqual(plan.kept, [{ name: "maintenance_work_mem", value: "50MB", computed: "64MB" }]);
    assert.ok(!plan.changes.some(({ name }) => name === "maintenance_work_mem"));
    assert.equal(plan.restart.at(-1), (await cluster.primary()).id);
    assert.deepEqual([await given(), await onEach("shared_buffers")], before);
    assert.equal(await cluster.lastEvent(), since);
  });

  test("more of it, with the restart: in force on every member, the user's own stays, and servers may have it", async () => {
    const since = await cluster.lastEvent();
    await cluster.story(async (writer) => {
      await installation.ok("scale", "shop", "--memory", "1GB", "--restart");
      await writer.acknowledged(20, 30_000);
    });
    assert.deepEqual(await onEach("shared_buffers"), ["256MB", "256MB"]);
    assert.deepEqual(await onEach("maintenance_work_mem"), ["50MB", "50MB"]);
    const told = await cluster.event("cluster.resized", since);
    assert.match(told.message, /each member of "shop" gets 1024 MB and 1 cpu, limited: memory and cpus/);
    if (noGroupsHere === false) assert.deepEqual(await limits(), [1024, 1024]);
  });

  test("less of it, left pending: a server keeps the limit that it is set up for until its restart", async () => {
    const ran = await installation.run(["scale", "shop", "--memory", "256MB", "--no-restart"]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(
      ran.stdout,
      /waits for a restart: shared_buffers on shop-\d, shop-\d\n\s+to finish: matriarch restart/,
    );
    if (noGroupsHere === false) {
      assert.match(ran.stdout, /limits: not as asked yet on shop-1, shop-2: the server still holds/);
      assert.deepEqual(await limits(), [1024, 1024]);
    }
    await installation.ok("restart", "shop", "--pending");
    assert.deepEqual(await onEach("shared_buffers"), ["32MB", "32MB"]);
    if (noGroupsHere !== false) return;
    await cluster.until("smaller limits", ({ members }) =>
      members.every(({ resources }) => resources?.memory_limited === true && resources.memory_bytes === 256 * mib),
    );
    assert.deepEqual(await limits(), [256, 256]);
  });

  test("members and memory together; one that is born later begins with what all have", async () => {
    await installation.ok("scale", "shop", "--members", "3", "--memory", "512MB", "--restart");
    assert.deepEqual(await onEach("shared_buffers"), ["51MB", "51MB", "51MB"]);
    if (noGroupsHere === false) assert.deepEqual(await limits(), [512, 512, 512]);
    await installation.ok("scale", "shop", "--members", "2", "--no-limit");
    assert.equal((await cluster.healthy()).members.length, 2);
    assert.match(await installation.ok("status", "shop"), /512 MB and 1 cpu for each member, for tuning, not enforced/);
  });

  test("an agent that is killed in the middle: the next one goes on to the end", async () => {
    const since = await cluster.lastEvent();
    const asked = installation.run(["scale", "shop", "--memory", "1GB", "--restart"]);
    const happened = (type: string) => async (): Promise<true | undefined> =>
      (await cluster.events()).some((event) => event.id > since && event.type === type) ? true : undefined;
    await until("the change to be written", happened("cluster.resized"), { withinMs: 60_000 });
    await installation.killAgent();
    await installation.startAgent();
    await asked;
    let seen: unknown;
    await until(
      "it to be in force",
      async () => {
        seen = { status: await cluster.status(), events: (await cluster.events()).slice(-12) };
        return happened("config.applied")();
      },
      { withinMs: 60_000, seen: () => JSON.stringify(seen) },
    );
    assert.deepEqual(await onEach("shared_buffers"), ["256MB", "256MB"]);
  });

  test("more than the machine has, with the clusters beside it: said with the figures, and done", async () => {
    const gib = Math.ceil(totalmem() / 1024 ** 3);
    const most = `${gib - 1}GB`;
    const made = await installation.run(["create", "beside", "--members", "1", "--memory", most]);
    assert.equal(made.code, 0, made.stderr);
    const said = new RegExp(
      `this machine has .*, and its members are given .* together: .*beside ${gib - 1}(\\.0)? GB`,
    );
    assert.match(made.stderr, said);
    const after = scalePlanSchema.parse(await installation.json("scale", "shop", "--memory", "1GB", "--dry-run"));
    assert.match(after.warnings.join(), said);
    assert.match((await installation.run(["scale", "shop", "--memory", "1GB", "--dry-run"])).stdout, said);
    await installation.ok("destroy", "beside", "--yes");
  });

  test("what cannot be is refused with the figures, and nothing changes", async () => {
    const before = [await given(), await onEach("shared_buffers")];
    const tooMuch = `${Math.ceil(totalmem() / 1024 ** 3)}GB`;
    await installation.ok("config", "set", "shop", "shared_buffers=150MB", "--no-restart");
    const refusals: readonly (readonly [number, RegExp, ...string[]])[] = [
      [
        3,
        /need more memory than there is\nDETAIL: {2}2 members with .* need .*; this machine has /,
        "--memory",
        tooMuch,
      ],
      [3, /shared_buffers \(150 MB\) leaves too little of the 160 MB/, "--memory", "160MB"],
      [3, /at least 128 MB, not 64 MB/, "--memory", "64MB"],
      [3, /--cpus 256 is more than a host has\nDETAIL: {2}This machine has/i, "--cpus", "256"],
      [2, /"12" is invalid\nDETAIL: {2}It is no size/, "--memory", "12"],
      [2, /It is no size/, "--memory", "2GB; rm -rf /"],
      [2, /It is no size/, "--memory", "-1GB"],
      [2, /whole number from 1 to 256/, "--cpus", "0"],
      [2, /whole number from 1 to 16/, "--members", "17"],
      [2, /nothing to change/],
    ];
    for (const [code, words, ...flags] of refusals) {
      const ran = await installation.run(["scale", "shop", ...flags]);
      assert.equal(ran.code, code, `${flags.join(" ")}: ${ran.stderr}`);
      assert.match(ran.stderr, words);
    }
    const unknown = await installation.run(["scale", "no'pe", "--memory", "1GB"]);
    assert.equal(unknown.code, 5, unknown.stderr);
    assert.deepEqual([await given(), await onEach("shared_buffers")], before);
  });
});
