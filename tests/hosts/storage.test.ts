/**
 * Storage over several hosts: whoever is asked, the work is done where the member or the snapshot lies, and a host that does
 * not answer is named. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { clusterStatusSchema, type ClusterStatus } from "../../src/contract/cluster.ts";
import { extendedSchema, snapshotsSchema, volumesSchema } from "../../src/contract/storage.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";

const gib = 2 ** 30;

describe("storage over several hosts", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let cluster: LabCluster;
  let asked: Host;

  before(
    async () => {
      lab = await Lab.make();
      cluster = await LabCluster.create(lab, "shop");
      asked = await cluster.primary();
      await asked.ok("connect", "shop", "-c", "CREATE TABLE t AS SELECT 7 AS n");
    },
    { timeout: 120_000 },
  );
  after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

  const snapshotsBy = async (host: Host) => snapshotsSchema.parse(await host.json("snapshot", "list", "shop"));

  const healthy = (name: string): Promise<ClusterStatus> =>
    until(`${name} to be healthy`, async () => {
      const status = clusterStatusSchema.parse(await asked.json("status", name));
      return status.state === "healthy" ? status : undefined;
    });

  test("volumes of all hosts are listed, and extended", async () => {
    const { volumes, missing } = volumesSchema.parse(await asked.json("volume", "list", "shop"));
    assert.deepEqual(volumes.map(({ host }) => host).toSorted(), lab.hosts.map(({ name }) => name).toSorted());
    assert.deepEqual(missing, []);
    const extended = extendedSchema.parse(await asked.json("volume", "extend", "shop", "1GB"));
    assert.deepEqual(
      extended.volumes.map(({ size_bytes: size }) => size),
      [gib, gib, gib],
    );
  });

  test("a snapshot is taken on a standby's host, listed by all, and made a cluster of there", async () => {
    await asked.ok("snapshot", "create", "shop");
    const [snapshot, ...more] = (await snapshotsBy(asked)).snapshots;
    assert.ok(snapshot);
    assert.deepEqual(more, []);
    assert.equal(snapshot.role, "standby");
    assert.notEqual(snapshot.host, asked.name);
    for (const host of lab.hosts)
      assert.deepEqual(
        (await snapshotsBy(host)).snapshots.map(({ id }) => id),
        [snapshot.id],
      );
    await asked.ok("fork", "shop", "back", "--from-snapshot", snapshot.id);
    assert.match(await asked.ok("connect", "back", "-c", "SELECT n FROM t"), /7/);
    const { members } = await healthy("back");
    assert.deepEqual(
      members.map(({ host }) => host),
      [snapshot.host],
    );
    await asked.ok("destroy", "back", "--yes");
  });

  test("a fork of the cluster as it is gets its second member on another host", async () => {
    await asked.ok("fork", "shop", "pr-1", "--members", "2");
    // At once: what the other host says of its member may be from before it came up.
    await asked.ok("switchover", "pr-1");
    const { members } = await healthy("pr-1");
    assert.equal(new Set(members.map(({ host }) => host)).size, 2);
    assert.match(await asked.ok("connect", "pr-1", "-c", "SELECT n FROM t"), /7/);
    await asked.ok("destroy", "pr-1", "--yes");
  });

  test("a restore over a switchover is made where the snapshot lies, with the log that other hosts archived", async () => {
    await asked.ok("connect", "shop", "-c", "INSERT INTO t VALUES (8)");
    await asked.ok("restore-point", "create", "shop", "eight");
    await asked.ok("connect", "shop", "-c", "INSERT INTO t VALUES (9)");
    await asked.ok("connect", "shop", "-c", "SELECT pg_switch_wal()");
    await healthy("shop");
    await asked.ok("switchover", "shop");
    await healthy("shop");
    await asked.ok("connect", "shop", "-c", "INSERT INTO t VALUES (10)");
    await asked.ok("restore-point", "create", "shop", "ten");
    for (const [point, rows] of [
      ["eight", /^ *2 *$/m],
      ["ten", /^ *4 *$/m],
    ] as const) {
      await asked.ok("restore", "shop", "back", "--name", point);
      assert.match(await asked.ok("connect", "back", "-c", "SELECT count(*) FROM t"), rows);
      await asked.ok("destroy", "back", "--yes");
    }
  });

  test("a host that is away is named; its snapshots are there when it is back, and deleted from afar", async () => {
    const [snapshot] = (await snapshotsBy(asked)).snapshots;
    const away = lab.hosts.find(({ name }) => name === snapshot?.host);
    assert.ok(snapshot && away);
    await away.vanish();
    await until("it to be missed", async () => ((await snapshotsBy(asked)).missing.length === 1 ? true : undefined));
    const { snapshots, missing } = await snapshotsBy(asked);
    assert.deepEqual([snapshots, missing.map(({ host }) => host)], [[], [away.name]]);
    const { missing: noVolumes } = volumesSchema.parse(await asked.json("volume", "list", "shop"));
    assert.deepEqual(
      noVolumes.map(({ host }) => host),
      [away.name],
    );
    await lab.network.mend();
    await until("it to be back", async () => ((await snapshotsBy(asked)).snapshots.length === 1 ? true : undefined));
    await asked.ok("snapshot", "delete", "shop", snapshot.id, "--yes");
    assert.deepEqual((await snapshotsBy(away)).snapshots, []);
  });
});
