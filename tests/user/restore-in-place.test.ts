/**
 * A cluster that is put back to what it was: under its name, its endpoints and its passwords, with standbys; undone.
 * Those that are cut short: restore-cut.test.ts.
 */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { inPlacePlanSchema, snapshotsSchema } from "../../src/contract/storage.ts";
import type { Installation } from "../faults/installation.ts";
import { until } from "../faults/until.ts";
import { idsIn, markedCluster } from "./restore-fixture.ts";

describe("restore in place", () => {
  test("of two members: what came later is gone, clients come back with their passwords; undone", async (t) => {
    const { installation, cluster, at } = await markedCluster(t, "--members", "2");
    const uri = (await installation.ok("uri", "shop")).trim();
    const epochBefore = (await cluster.healthy()).epoch;
    const refused = await installation.run(["restore", "shop", "--in-place", "--at", at]);
    assert.equal(refused.code, 3, refused.stderr);
    assert.match(refused.stderr, /nobody can be asked\n.*puts "shop" back to what it was at/);
    const plan = await installation.json("restore", "shop", "--in-place", "--at", "10 ms ago", "--dry-run");
    const { begins_with: base, at: meant, as_of: asOf, members } = inPlacePlanSchema.parse(plan);
    assert.ok((await keptUntil(installation)).some(([id]) => id === base));
    assert.equal(meant?.replace(" ", "T").slice(0, 23), asOf?.slice(0, 23));
    assert.equal(members, 2);
    const nothing = await installation.run(["restore", "shop", "--undo", "--yes"]);
    assert.equal(nothing.code, 5, nothing.stderr);
    assert.deepEqual(await idsIn(cluster), [1, 2]);
    await installation.ok("snapshot", "set", "shop", "--keep-days", "14");
    const kept = await keptUntil(installation);
    assert.ok(kept.length > 0);
    const done = await installation.ok("restore", "shop", "--in-place", "--at", at, "--yes");
    assert.match(done, /as it was: shop-\d{8}T\d{6}Z-.*\n.*to undo: matriarch restore shop --undo/);
    assert.deepEqual(await idsIn(cluster), [1]);
    assert.deepEqual((await keptUntil(installation)).slice(0, kept.length), kept, "as long as was said last");
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
    await cluster.healthy();
    await installation.ok("switchover", "shop");
    assert.deepEqual(await idsIn(cluster), [1, 2]);
    const { snapshots } = snapshotsSchema.parse(await installation.json("snapshot", "list", "shop"));
    assert.deepEqual(snapshots.map(({ why }) => why).filter((why) => why === "before-restore").length, 2);
    assert.match(await installation.ok("events", "shop"), /"shop" was put back to what it was; until then/);
    // Its own log begins anew, and what it was before can still be had.
    const archive = await until("its archive to have been looked at", async () => {
      const { archive: look } = await cluster.healthy();
      return look?.has_earlier === true ? look : undefined;
    });
    assert.deepEqual([archive.restorable, archive.first_snapshot_at === null], [[], false]);
    const words = /no snapshot to restore from yet, one is taken in \d.*before: matriarch restore-point list shop/;
    assert.match(await installation.ok("status", "shop"), words);
    await installation.ok("snapshot", "create", "shop");
    await until("it to be told", async () => {
      const { archive: look } = await cluster.healthy();
      return look?.restorable.length === 1 ? true : undefined;
    });
  });
});

async function keptUntil(installation: Installation): Promise<readonly (readonly [string, string])[]> {
  const { snapshots } = snapshotsSchema.parse(await installation.json("snapshot", "list", "shop"));
  return snapshots.map(({ id, kept_until: until }) => [id, until] as const);
}
