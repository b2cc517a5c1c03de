/**
 * Snapshots as a user has them: taken under load on each kind of file system, brought to life under another identity, and
 * checked block by block; kept when the cluster goes.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import type { Client } from "pg";
import { operationSchema } from "../../src/contract/cluster.ts";
import { snapshotsSchema, type SnapshotStatus } from "../../src/contract/storage.ts";
import { revive } from "../../src/drivers/postgres/clone/revive.ts";
import { ensureEmbeddedEngine } from "../../src/drivers/postgres/engine/embedded.ts";
import { chooseServerOwner } from "../../src/drivers/postgres/engine/owner.ts";
import { startServer } from "../../src/drivers/postgres/provision/testing.ts";
import { openVolumePool } from "../../src/drivers/volume/open.ts";
import { mountLoop, type TestFileSystem } from "../../src/drivers/volume/testing.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { until } from "../faults/until.ts";

describe("snapshots", () => {
  for (const [type, how] of [
    ["btrfs", "atomic"],
    ["xfs", "backup-mode"],
    ["ext4", "backup-mode"],
  ] as const) {
    test(`on ${type}, taken under load, hold what was acknowledged before and are whole`, async (t) => {
      const installation = await onFileSystem(t, type);
      if (typeof installation === "string") return t.skip(installation);
      const cluster = await createCluster(installation, "shop", "--members", "2");
      const load = await Load.begin(cluster);
      await until("some rows", () => (load.acknowledged > 2000 ? true : undefined));
      const before = load.acknowledged;
      operationSchema.parse(await installation.json("snapshot", "create", "shop"));
      await load.end();
      const [snapshot] = await snapshotsOf(installation);
      assert.ok(snapshot);
      assert.equal(snapshot.how, how);
      assert.equal(snapshot.role, "standby");
      assert.ok(snapshot.size_bytes > 30_000_000);
      if (type !== "ext4") assert.ok((snapshot.own_bytes ?? 0) < snapshot.size_bytes / 2, JSON.stringify(snapshot));
      const there = await bringToLife(t, installation, snapshot);
      await checkWhole(there, before);
      await checkStranger(there, cluster);
      if (type === "ext4") await refusesWhenFull(installation);
    });
  }

  test("of the primary, while it is the only member; several, listed, deleted, kept after destroy", async (t) => {
    const installation = await makeInstallation();
    t.after(() => installation[Symbol.asyncDispose]());
    await createCluster(installation, "shop", "--members", "1");
    await installation.ok("snapshot", "create", "shop", "--keep-days", "30");
    await installation.ok("snapshot", "create", "shop");
    const [first, second] = await snapshotsOf(installation);
    assert.ok(first && second);
    assert.equal(first.role, "primary");
    assert.equal(daysKept(first), 30);
    assert.equal(daysKept(second), 5);
    assert.match(await installation.ok("snapshot", "set", "shop", "--keep-days", "14"), /every day.*kept for 14 days/);
    assert.deepEqual((await snapshotsOf(installation)).map(daysKept), [30, 14]);
    const refused = await installation.run(["snapshot", "delete", "shop", "../../clusters", "--yes"]);
    assert.equal(refused.code, 5, refused.stderr);
    await installation.ok("snapshot", "delete", "shop", first.id, "--yes");
    assert.deepEqual(await readdir(join(installation.home, "snapshots", "shop")), [second.id, `${second.id}.json`]);
    assert.match(await installation.ok("events", "shop"), new RegExp(`snapshot ${second.id} taken of "shop-1"`));
    const planned = await installation.ok("destroy", "shop", "--dry-run");
    assert.match(planned, /Its snapshot is kept until 20\d\d-\d\d-\d\d /);
    const destroyed = await installation.ok("destroy", "shop", "--yes");
    assert.match(
      destroyed,
      /snapshots kept: 1, the last until 20\d\d-.*\n.*to bring it back: matriarch restore shop shop/,
    );
    assert.match(await installation.ok("snapshot", "list", "shop"), /does not exist any more; its snapshots are kept/);
    assert.deepEqual(
      (await snapshotsOf(installation)).map(daysKept),
      [14],
      "as it was told when there was the cluster",
    );
    await createCluster(installation, "shop", "--members", "1");
    assert.match(await installation.ok("snapshot", "list", "shop"), /1 of them is of an earlier cluster/);
    assert.equal((await snapshotsOf(installation))[0]?.is_current, false);
    await installation.ok("snapshot", "delete", "shop", second.id, "--yes");
    assert.equal((await installation.run(["snapshot", "list", "none"])).code, 5);
  });

  test("of a stopped cluster; one that the agent's death cut short leaves nothing", async (t) => {
    const installation = await makeInstallation();
    t.after(() => installation[Symbol.asyncDispose]());
    await createCluster(installation, "shop", "--members", "1");
    await installation.ok("stop", "shop");
    await installation.ok("snapshot", "create", "shop");
    assert.equal((await snapshotsOf(installation))[0]?.how, "stopped");
    await installation.ok("start", "shop");
    const taking = installation.run(["snapshot", "create", "shop"]);
    const names = (): Promise<readonly string[]> => readdir(join(installation.home, "snapshots", "shop"));
    await until("the copy to begin", async () => ((await names()).length === 3 ? true : undefined));
    await installation.killAgent();
    await taking;
    await installation.startAgent();
    await until("what is left to be removed", async () => ((await names()).length === 2 ? true : undefined));
    const { snapshots } = snapshotsSchema.parse(await installation.json("snapshot", "list", "shop"));
    assert.equal(snapshots.length, 1);
  });
});

async function snapshotsOf(installation: Installation): Promise<readonly SnapshotStatus[]> {
  return snapshotsSchema.parse(await installation.json("snapshot", "list", "shop")).snapshots;
}

function daysKept({ taken_at, kept_until }: SnapshotStatus): number {
  return Math.round((Date.parse(kept_until) - Date.parse(taken_at)) / 86_400_000);
}

async function onFileSystem(t: TestContext, type: TestFileSystem): Promise<Installation | string> {
  const mounted = await mountLoop(t, type, { megabytes: 2000 });
  if (typeof mounted === "string") return mounted;
  const home = join(mounted.directory, "h");
  await mkdir(home);
  const installation = await makeInstallation({ home });
  mounted.before(() => installation[Symbol.asyncDispose]());
  return installation;
}

/** Rows one after the other, an index that splits, updates that leave dead rows. */
class Load {
  acknowledged = 0;
  #isOver = false;
  #done: Promise<void> = Promise.resolve();

  static async begin(cluster: Cluster): Promise<Load> {
    const client = await cluster.connect();
    await client.query("CREATE TABLE load (id int8 PRIMARY KEY, word text, n int NOT NULL DEFAULT 0)");
    await client.query("CREATE INDEX ON load (word)");
    await client.query("ALTER ROLE postgres CONNECTION LIMIT 50");
    const load = new Load();
    load.#done = load.#run(client);
    return load;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #run(client: Client): Promise<void> {
    while (!this.#isOver) {
      const from = this.acknowledged;
      await client.query(
        "INSERT INTO load SELECT i, pg_catalog.md5(i::text) FROM pg_catalog.generate_series($1::int8 + 1, $1::int8 + 50) AS i",
        [from],
      );
      this.acknowledged = from + 50;
      await client.query("UPDATE load SET n = n + 1 WHERE id % 7 = 0 AND id > $1::int8 - 500", [from]);
    }
    await client.end();
  }
}

/** As a cluster that is made of it would be: a copy of the copy, revived, started as a server of its own. */
async function bringToLife(t: TestContext, { home }: Installation, { id }: SnapshotStatus): Promise<Client> {
  const signal = AbortSignal.timeout(60_000);
  const owner = await chooseServerOwner();
  const engine = await ensureEmbeddedEngine(tmpdir(), 18, { signal });
  const pool = await openVolumePool(home);
  const volume = join(home, "revived");
  await pool.copy(join(home, "snapshots", "shop", id), volume, { owner }, signal);
  const dataDirectory = join(volume, "data");
  const revived = await revive({ engine, owner, dataDirectory, settings: {}, progress: () => undefined, signal });
  assert.equal(revived.timeline, 2);
  assert.deepEqual(revived.withoutPassword, ["postgres"]);
  assert.ok(Math.abs(Date.parse(revived.newestCommit ?? "") - Date.now()) < 60_000, revived.newestCommit);
  const server = await startServer(t, { engine, owner, dataDirectory, name: "revived-1" });
  return server.connect();
}

/** Every row up to the last acknowledged one, every page by its checksum, every index against its table. */
async function checkWhole(client: Client, acknowledged: number): Promise<void> {
  const { rows } = await client.query<{ n: string; top: string }>("SELECT count(*) AS n, max(id) AS top FROM load");
  const [found] = rows;
  assert.ok(found);
  assert.equal(found.n, found.top, "no row is missing between others");
  assert.ok(Number(found.top) >= acknowledged, `${found.top} rows, ${acknowledged} were acknowledged before`);
  await client.query("CREATE EXTENSION amcheck");
  const heap = `SELECT c.oid::regclass::text AS name, v.msg FROM pg_catalog.pg_class AS c, LATERAL verify_heapam(c.oid) AS v
WHERE c.relkind IN ('r', 't', 'm') AND c.relpersistence = 'p'`;
  assert.deepEqual((await client.query(heap)).rows, []);
  const indexes = `SELECT count(bt_index_parent_check(c.oid, true)::text) AS n FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_am AS a ON a.oid = c.relam WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence = 'p'`;
  await client.query(indexes);
  const failures = "SELECT sum(checksum_failures) AS n FROM pg_catalog.pg_stat_database";
  assert.deepEqual((await client.query(failures)).rows, [{ n: "0" }]);
}

/** A copy in full must leave the servers room to work. */
async function refusesWhenFull(installation: Installation): Promise<void> {
  const { bavail, bsize } = await statfs(installation.home);
  const ballast = join(installation.home, "ballast");
  await promisify(execFile)("fallocate", ["--length", String(bavail * bsize - 250 * 2 ** 20), ballast]);
  const ran = await installation.run(["snapshot", "create", "shop"]);
  assert.equal(ran.code, 3, ran.stderr);
  assert.match(ran.stderr, /would take \d+ MB of the \d+ MB that are free(.*\n)*HINT/);
  assert.equal((await snapshotsOf(installation)).length, 1);
  await rm(ballast);
}

/** Nothing of it could be taken for the cluster that it comes from. */
async function checkStranger(client: Client, cluster: Cluster): Promise<void> {
  const identity = "SELECT system_identifier::text AS it FROM pg_catalog.pg_control_system()";
  const session = await cluster.connect();
  const [own, source] = [(await client.query(identity)).rows, (await session.query(identity)).rows];
  await session.end();
  assert.notDeepEqual(own, source);
  assert.deepEqual((await client.query("SELECT slot_name FROM pg_catalog.pg_replication_slots")).rows, []);
  const secrets = "SELECT rolname FROM pg_catalog.pg_authid WHERE rolpassword IS NOT NULL";
  assert.deepEqual((await client.query(secrets)).rows, []);
}
