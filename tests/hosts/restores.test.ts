/**
 * Restores that collect over hosts: a snapshot lies on one host, and the log of each era where the primary was then. After
 * two failovers every era can be restored, whoever is asked; with a host lost it is told what can be and what may be lost
 * with it, and that much is restored from what is left. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { clusterStatusSchema } from "../../src/contract/cluster.ts";
import { restoreWindowsSchema, snapshotsSchema, type SnapshotStatus } from "../../src/contract/storage.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";

interface Era {
  /** row that was written in it */
  readonly id: number;
  /** after its row, and before that of the next */
  readonly at: string;
  readonly xid: string;
  readonly point: string;
}

describe("restores over several hosts", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let cluster: LabCluster;
  const eras: Era[] = [];

  before(
    async () => {
      lab = await Lab.make();
      cluster = await LabCluster.create(lab, "shop");
      await (await cluster.primary()).ok("connect", "shop", "-c", "CREATE TABLE rows (id int PRIMARY KEY)");
    },
    { timeout: 180_000 },
  );
  after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

  async function ask(host: Host, name: string, sql: string): Promise<string> {
    const told = await host.ok("connect", name, "-c", `SELECT 'said:' || (${sql})::text || ';'`);
    return /said:(.*?);/.exec(told)?.[1] ?? assert.fail(told);
  }

  async function live(id: number): Promise<void> {
    const host = await cluster.primary();
    await host.ok("connect", "shop", "-c", `INSERT INTO rows VALUES (${id})`);
    const xid = await ask(host, "shop", `SELECT xmin FROM rows WHERE id = ${id}`);
    const at = await ask(host, "shop", "SELECT pg_catalog.clock_timestamp()");
    const point = `era-${id}`;
    await host.ok("restore-point", "create", "shop", point);
    eras.push({ id, at, xid, point });
  }

  /** The primary's host is cut off until another one has taken over, and comes back. */
  async function failOver(): Promise<void> {
    const old = await cluster.primary();
    const [asked] = lab.others(old);
    assert.ok(asked);
    await old.vanish();
    await cluster.until("another primary", isPrimaryOn(old, false), 60_000, asked);
    await lab.network.mend();
    await cluster.healthy();
  }

  function isPrimaryOn(host: Host, wanted: boolean) {
    return ({ primary, members }: { primary: string | null; members: readonly { id: string; host: string }[] }) =>
      primary !== null && (members.find(({ id }) => id === primary)?.host === host.name) === wanted;
  }

  function idsUpTo(id: number): string {
    return Array.from({ length: id }, (_, index) => index + 1).join(",");
  }

  const rows = "SELECT pg_catalog.string_agg(id::text, ',' ORDER BY id) FROM rows";

  /** Asked of this host: the copy has the rows of the eras up to this one. */
  async function restored(by: Host, era: Era, ...flags: readonly string[]): Promise<void> {
    await by.ok("restore", "shop", "back", ...flags);
    assert.equal(await ask(by, "back", rows), idsUpTo(era.id), `${by.name}: ${flags.join(" ")}`);
    await by.ok("destroy", "back", "--yes");
  }

  async function snapshots(by: Host): Promise<readonly SnapshotStatus[]> {
    return snapshotsSchema
      .parse(await by.json("snapshot", "list", "shop"))
      .snapshots.filter(({ why }) => why === "asked");
  }

  function era(id: number): Era {
    return eras[id - 1] ?? assert.fail(`no era ${id}`);
  }

  test("every era of two failovers, by its point, its time and its transaction, whoever is asked", async () => {
    await (await cluster.primary()).ok("snapshot", "create", "shop");
    await live(1);
    await failOver();
    await live(2);
    await failOver();
    await live(3);
    // A newer one, from which the older eras cannot be had.
    const primary = await cluster.primary();
    await primary.ok("snapshot", "create", "shop", "--member", cluster.memberOn(primary).id);
    await live(4);
    const [older, newer] = await snapshots(primary);
    assert.ok(older && newer);
    for (const [index, one] of eras.entries()) {
      const by = lab.hosts[index % lab.hosts.length] ?? primary;
      await restored(by, one, "--name", one.point);
      await restored(by, one, "--at", one.at);
    }
    // The newer snapshot's own host is asked, and cannot.
    await restored(lab.host(newer.host), era(1), "--xid", era(1).xid);
    await restored(primary, era(4));
  });

  test("the host of the older snapshot is lost with the newest log: it is told, and the rest is restored", async () => {
    const [older, newer] = await snapshots(await cluster.primary());
    assert.ok(older && newer && older.host !== newer.host);
    const lost = lab.host(older.host);
    await cluster.healthy();
    if (isPrimaryOn(lost, false)(await cluster.healthy()))
      await lab.host(newer.host).ok("switchover", "shop", "--to", cluster.memberOn(lost).id, "--yes");
    await cluster.until("the older snapshot's host to have the primary", isPrimaryOn(lost, true));
    await cluster.healthy();
    await live(5);
    await lost.kill();
    const asked = lab.host(newer.host);
    await cluster.until("another primary", isPrimaryOn(lost, false), 60_000, asked);
    await liveOn(asked);
    for (const by of lab.others(lost)) {
      const { windows, missing } = restoreWindowsSchema.parse(
        (await by.api("/v1/clusters/shop/restore-windows")) ?? {},
      );
      assert.deepEqual(
        [windows.map(({ host }) => host), missing.map(({ host }) => host)],
        [[newer.host], [lost.name]],
        by.name,
      );
      const refused = await by.matriarch(["restore", "shop", "back", "--at", era(1).at]);
      assert.equal(refused.code, 3, refused.stdout + refused.stderr);
      assert.match(refused.stderr, new RegExp(`What can be restored: .* to .*Host "${lost.name}" does not answer`));
      const unknown = await by.matriarch(["restore", "shop", "back", "--snapshot", older.id]);
      assert.deepEqual([unknown.code, new RegExp(`"${lost.name}" may have it`).test(unknown.stderr)], [1, true]);
      const kept = await by.matriarch(["snapshot", "delete", "shop", older.id, "--yes"]);
      assert.deepEqual([kept.code, new RegExp(`"${lost.name}" may have it`).test(kept.stderr)], [1, true]);
      assert.equal((await by.matriarch(["status", "back"])).code, 5, "nothing was begun");
      await restored(by, era(4), "--at", era(4).at);
      await restored(by, era(5), "--at", era(5).at);
    }
    await restored(asked, era(6));
    lost.boot();
    await cluster.healthy(120_000);
    await restored(asked, era(1), "--at", era(1).at);
    await asked.ok("snapshot", "delete", "shop", older.id, "--yes");
    assert.deepEqual(
      (await snapshots(lost)).map(({ id }) => id),
      [newer.id],
    );
  });

  /** With a host less nothing is healthy: the primary's host is found by what the asked one says. */
  async function liveOn(asked: Host): Promise<void> {
    const status = clusterStatusSchema.parse(await asked.json("status", "shop"));
    assert.notEqual(status.primary, null);
    await until("a write", async () =>
      (await asked.matriarch(["connect", "shop", "-c", "INSERT INTO rows VALUES (6)"])).code === 0 ? true : undefined,
    );
    const at = await ask(asked, "shop", "SELECT pg_catalog.clock_timestamp()");
    eras.push({ id: 6, at, xid: "", point: "" });
  }
});
