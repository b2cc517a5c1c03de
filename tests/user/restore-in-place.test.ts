/**
 * A cluster that is put back to what it was: under its name, its endpoints and its passwords, with standbys; undone; and
 * cut short by the agent's death before and after the change of its data.
 */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import type { Client } from "pg";
import { z } from "zod";
import { snapshotsSchema } from "../../src/contract/storage.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation } from "../faults/installation.ts";
import { until } from "../faults/until.ts";

const stateSchema = z.object({ state: z.string() });

describe("restore in place", () => {
  test("of two members: what came later is gone, clients come back with their passwords; undone and done again", async (t) => {
    const { installation, cluster, at } = await begun(t, "--members", "2");
    const uri = (await installation.ok("uri", "shop")).trim();
    const epochBefore = (await cluster.healthy()).epoch;
    const refused = await installation.run(["restore", "shop", "--in-place", "--at", at]);
    assert.equal(refused.code, 3, refused.stderr);
    const nothing = await installation.run(["restore", "shop", "--undo", "--yes"]);
    assert.equal(nothing.code, 5, nothing.stderr);
    assert.deepEqual(await idsIn(cluster), [1, 2]);
    const done = await installation.ok("restore", "shop", "--in-place", "--at", at, "--yes");
    assert.match(done, /as it was: shop-\d{8}T\d{6}Z-.*\n.*to undo: matriarch restore shop --undo/);
    assert.deepEqual(await idsIn(cluster), [1]);
    const status = await cluster.healthy();
    assert.ok(status.epoch > epochBefore);
    assert.deepEqual(status.members.map(({ id }) => id).toSorted(), ["shop-3", "shop-4"]);
    assert.equal((await installation.ok("uri", "shop")).trim(), uri);
    const left = await readdir(join(installation.home, "clusters", "shop"), { withFileTypes: true });
    const volumes = left.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    assert.deepEqual(volumes.toSorted(), ["shop-3", "shop-4"]);
    const client = await cluster.connect();
    await client.query("INSERT INTO rows VALUES (3)");
    await client.end();
    await installation.ok("restore", "shop", "--undo", "--yes");
    assert.deepEqual(await idsIn(cluster), [1, 2]);
    await installation.ok("restore", "shop", "--undo", "--yes");
    assert.deepEqual(await idsIn(cluster), [1, 3]);
    await cluster.healthy();
    await installation.ok("switchover", "shop");
    assert.deepEqual(await idsIn(cluster), [1, 3]);
    const { snapshots } = snapshotsSchema.parse(await installation.json("snapshot", "list", "shop"));
    assert.deepEqual(snapshots.map(({ why }) => why).filter((why) => why === "before-restore").length, 3);
    assert.match(await installation.ok("events", "shop"), /"shop" was put back to what it was; until then/);
  });

  test("that the agent's death cuts short before the change leaves the cluster as it was", async (t) => {
    const { installation, cluster, at } = await begun(t, "--members", "1");
    const restoring = installation.run(["restore", "shop", "--in-place", "--at", at, "--yes"]);
    const volumes = (): Promise<readonly string[]> => readdir(join(installation.home, "clusters", "shop"));
    await until("the copy to begin", async () => ((await volumes()).includes("shop-2") ? true : undefined));
    await installation.killAgent();
    await restoring;
    await installation.startAgent();
    await until("the copy to be removed", async () => ((await volumes()).join() === "shop-1" ? true : undefined));
    assert.deepEqual(await idsIn(cluster), [1, 2]);
    const told = await installation.ok("events", "shop");
    assert.doesNotMatch(told, /put back/);
  });

  test("that the agent's death cuts short while it is stopped, or just after: one or the other, and it serves", async (t) => {
    const { installation, cluster, at } = await begun(t, "--members", "1");
    const restoring = installation.run(["restore", "shop", "--in-place", "--at", at, "--yes"]);
    await until("the servers to be stopped", async () => {
      const { data } = stateSchema.safeParse(await installation.api("/v1/clusters/shop").catch(() => undefined));
      return data?.state.startsWith("stop") ? true : undefined;
    });
    await installation.killAgent();
    await restoring;
    await installation.startAgent();
    await cluster.healthy();
    const ids = await idsIn(cluster);
    const kept = await readdir(join(installation.home, "clusters", "shop"));
    await until("nothing to be left", async () =>
      (await readdir(join(installation.home, "clusters", "shop"))).length === 1 ? true : undefined,
    );
    assert.ok(ids.join() === "1,2" || ids.join() === "1", `${ids.join()} in ${kept.join()}`);
    await installation.ok("restore", "shop", "--in-place", "--at", at, "--yes");
    assert.deepEqual(await idsIn(cluster), [1]);
  });
});

/** A row, a moment, and another row. */
async function begun(t: TestContext, ...options: readonly string[]) {
  const installation = await makeInstallation();
  t.after(() => installation[Symbol.asyncDispose]());
  const cluster = await createCluster(installation, "shop", ...options);
  const client = await cluster.connect();
  await client.query("CREATE TABLE rows (id int PRIMARY KEY)");
  await installation.ok("snapshot", "create", "shop");
  await client.query("INSERT INTO rows VALUES (1)");
  const at = await momentOf(client);
  await client.query("INSERT INTO rows VALUES (2)");
  await client.end();
  return { installation, cluster, at };
}

async function momentOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ at: string }>(
    `SELECT to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"Z"') AS at`,
  );
  return rows[0]?.at ?? "";
}

async function idsIn(cluster: Cluster): Promise<readonly number[]> {
  const client = await cluster.connect();
  const { rows } = await client.query<{ id: number }>("SELECT id FROM rows ORDER BY id");
  await client.end();
  return rows.map(({ id }) => id);
}
