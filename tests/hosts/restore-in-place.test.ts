/**
 * A cluster over several hosts is put back to what it was, from a copy on a standby's host and from one on the primary's,
 * and that is undone: what it was is a snapshot on the host where it was written, wherever the restore was made. Not in
 * every run of CI.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { operationSchema } from "../../src/contract/cluster.ts";
import { snapshotsSchema, type SnapshotStatus } from "../../src/contract/storage.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";

describe("restore in place over several hosts", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let cluster: LabCluster;

  before(
    async () => {
      lab = await Lab.make();
      cluster = await LabCluster.create(lab, "shop");
      await onPrimary("CREATE TABLE rows (id int PRIMARY KEY)");
    },
    { timeout: 180_000 },
  );
  after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

  const onPrimary = async (sql: string): Promise<string> => (await cluster.primary()).ok("connect", "shop", "-c", sql);
  const add = (id: number): Promise<string> => onPrimary(`INSERT INTO rows VALUES (${id})`);

  /** Through every host's endpoint. */
  async function idsEverywhere(...wanted: readonly number[]): Promise<void> {
    await cluster.healthy();
    const sql = "SELECT 'ids:' || pg_catalog.string_agg(id::text, ',' ORDER BY id) FROM rows";
    for (const host of lab.hosts)
      assert.match(await host.ok("connect", "shop", "-c", sql), new RegExp(`ids:${wanted.join(",")}\\s`));
  }

  async function point(name: string, by: Host): Promise<void> {
    await by.ok("restore-point", "create", "shop", name);
  }

  async function thirdOf(...hosts: readonly Host[]): Promise<Host> {
    const [other] = lab.others(...hosts);
    assert.ok(other);
    return other;
  }

  async function snapshots(by: Host, why: SnapshotStatus["why"]): Promise<readonly SnapshotStatus[]> {
    return snapshotsSchema.parse(await by.json("snapshot", "list", "shop")).snapshots.filter((one) => one.why === why);
  }

  async function resultOf(by: Host, ...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    return operationSchema.parse(await by.json("restore", "shop", ...args, "--yes")).result ?? {};
  }

  /** Directories of members on every host: of those that there are, and no others. */
  async function nothingOldIsLeft(): Promise<void> {
    const { members } = await cluster.healthy();
    for (const host of lab.hosts) {
      const entries = readdirSync(join(host.home, "clusters", "shop"), { withFileTypes: true });
      const volumes = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
      assert.deepEqual(
        volumes,
        members.filter((member) => member.host === host.name).map(({ id }) => id),
      );
      assert.equal(existsSync(join(host.home, "aside")), false, `${host.name} has put something aside`);
    }
  }

  test("from a standby's host, and undone as asked of the third one", async () => {
    const primary = await cluster.primary();
    await primary.ok("snapshot", "create", "shop");
    const [base] = await snapshots(primary, "asked");
    assert.ok(base && base.host !== primary.name);
    await add(1);
    await point("one", primary);
    await add(2);
    const done = await resultOf(await thirdOf(primary, lab.host(base.host)), "--in-place", "--name", "one");
    await idsEverywhere(1);
    assert.equal((await cluster.primary()).name, base.host);
    const [kept] = await snapshots(primary, "before-restore");
    assert.ok(kept);
    assert.equal(kept.host, primary.name);
    assert.match(String(done["as_it_was"]), new RegExp(kept.id));
    await nothingOldIsLeft();
    await resultOf(await thirdOf(primary), "--undo");
    await idsEverywhere(1, 2);
    assert.equal((await cluster.primary()).name, primary.name);
    await nothingOldIsLeft();
  });

  test("from the primary's host, and undone as asked of another one", async () => {
    const primary = await cluster.primary();
    await primary.ok("snapshot", "create", "shop", "--member", cluster.memberOn(primary).id);
    await point("two", primary);
    await add(3);
    await resultOf(primary, "--in-place", "--name", "two");
    await idsEverywhere(1, 2);
    assert.equal((await cluster.primary()).name, primary.name);
    await nothingOldIsLeft();
    await resultOf(await thirdOf(primary), "--undo");
    await idsEverywhere(1, 2, 3);
    await nothingOldIsLeft();
  });
});
