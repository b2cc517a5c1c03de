/**
 * A cluster over several hosts is put back to what it was, from a copy on a standby's host and from one on the primary's,
 * and that is undone: what it was is a snapshot on the host where it was written, wherever the restore was made. With
 * that host cut off meanwhile nothing old is acknowledged or served, and nothing acknowledged is lost. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ClientConfig } from "pg";
import { z } from "zod";
import { operationSchema, type ClusterEvent } from "../../src/contract/cluster.ts";
import { snapshotsSchema, type SnapshotStatus } from "../../src/contract/storage.ts";
import { assertKept, checkHistory, type History } from "../checker/history.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";
import { Recorder } from "./lab/recorder.ts";

const table = "written";
const careMs = 150_000;

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
    }
    assert.deepEqual(putAside(), []);
  }

  /** While the host that wrote last is away nobody throws a copy of it away. */
  function putAside(): readonly string[] {
    return lab.hosts.flatMap(({ name, home }) => {
      const directory = join(home, "aside");
      return existsSync(directory) ? readdirSync(directory).map((entry) => `${name}: ${entry}`) : [];
    });
  }

  test("from a standby's host, and undone as asked of the third one", async () => {
    const primary = await cluster.primary();
    await primary.ok("snapshot", "create", "shop");
    const [base] = await snapshots(primary, "asked");
    assert.ok(base && base.host !== primary.name);
    await add(1);
    await point("one", primary);
    await add(2);
    const third = await thirdOf(primary, lab.host(base.host));
    const planned = z.object({ host: z.string(), begins_with: z.string() });
    const plan = planned.parse(await third.json("restore", "shop", "--in-place", "--name", "one", "--dry-run"));
    assert.deepEqual(plan, { host: base.host, begins_with: base.id });
    await idsEverywhere(1, 2);
    const done = await resultOf(third, "--in-place", "--name", "one");
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

  test("the old primary's host cut off meanwhile: nothing old is acknowledged, and all of it comes back", async () => {
    const old = await cluster.primary();
    const [standby] = await cluster.standbys();
    assert.ok(standby);
    await old.ok("snapshot", "create", "shop", "--member", cluster.memberOn(standby).id);
    const recorder = new Recorder(lab.client);
    try {
      await recorder.prepare(cluster.target(old), table);
      await point("three", old);
      const { epoch, members } = await cluster.healthy();
      const writers: Record<string, readonly ClientConfig[]> = { any: lab.hosts.map((host) => cluster.target(host)) };
      for (const host of lab.hosts) writers[`via-${host.name}`] = [cluster.target(host)];
      for (const member of members) writers[`past-${member.id}`] = [cluster.direct(member)];
      await recorder.start({ writers, table, patienceMs: 1000, pauseMs: 5 });
      await recorder.acknowledged(100, 30_000);
      const restoring = standby.matriarch(["restore", "shop", "--in-place", "--name", "three", "--yes", "--json"], {
        withinMs: 300_000,
      });
      await until("the cluster to be its restored self", async () =>
        ((await cluster.status(standby))?.epoch ?? 0) > epoch ? true : undefined,
      );
      await old.vanish();
      const cutAt = Number(process.hrtime.bigint()) / 1e6;
      const ran = await restoring;
      assert.equal(ran.code, 0, ran.stdout + ran.stderr);
      await recorder.acknowledged(100, 60_000, `via-${standby.name}`);
      const refused = await standby.matriarch(["restore", "shop", "--undo", "--yes"]);
      assert.equal(refused.code, 1, refused.stdout + refused.stderr);
      assert.match(refused.stderr, new RegExp(`host "${old.name}" .*not`));
      const others = lab.others(old).map(({ name }) => name);
      // Copies of what nobody has a snapshot of yet, on the hosts of the old standbys.
      await until(
        "what is left of the old standbys to be put aside",
        () => (putAside().length === 2 ? true : undefined),
        { withinMs: careMs, seen: () => putAside().join("; ") },
      );
      assert.deepEqual(
        putAside().map((entry) => entry.slice(0, 1)),
        others,
      );
      await lab.network.mend();
      const isKept = ({ type, host }: ClusterEvent): boolean => type === "restore.kept" && host === old.name;
      await until(
        "the old data to be a snapshot",
        async () => ((await cluster.events()).some(isKept) ? true : undefined),
        {
          withinMs: careMs,
        },
      );
      await until("the copies of it to be removed", () => (putAside().length === 0 ? true : undefined), {
        withinMs: careMs,
        seen: () => putAside().join("; "),
      });
      const isRemoved = ({ type, host }: ClusterEvent): boolean => type === "restore.copy-removed" && host !== old.name;
      await until("both hosts to have told that", async () =>
        (await cluster.events(old)).filter(isRemoved).length === 2 ? true : undefined,
      );
      await cluster.healthy(careMs);
      const histories = await recorder.stop();
      const all = Object.values(histories).flat();
      const rows = await recorder.rows(cluster.target(standby), table);
      const [earlier, later] = [
        all.filter(({ endedAt }) => endedAt < cutAt),
        all.filter(({ sentAt }) => sentAt > cutAt),
      ];
      assertKept(checkHistory(later, rows));
      assert.deepEqual(checkHistory(all, rows).overlaps, []);
      for (const { id } of members) assert.deepEqual(acknowledged(histories[`past-${id}`] ?? [], cutAt), []);
      await resultOf(standby, "--undo");
      await cluster.healthy();
      const back = new Set(await recorder.rows(cluster.target(standby), table));
      const beforeIt = earlier.filter(({ id, outcome }) => outcome === "acknowledged" && !rows.includes(id));
      assert.ok(beforeIt.length >= 100);
      assert.deepEqual(
        beforeIt.filter(({ id }) => !back.has(id)),
        [],
      );
      await idsEverywhere(1, 2, 3);
    } finally {
      recorder.end();
    }
  });

  /** Asked of the host that has what it begins with, and followed by nobody. */
  async function begun(carrying: Host, name: string): Promise<string> {
    void carrying.matriarch(["restore", "shop", "--in-place", "--name", name, "--yes"]);
    const look = async (): Promise<string | undefined> => {
      const all = operationSchema.array().safeParse(await carrying.api("/v1/operations?cluster=shop&state=running"));
      return all.data?.find(({ kind, host }) => kind === "restore in place" && host === carrying.name)?.id;
    };
    return until("the restore to be begun", look);
  }

  async function atStep(by: Host, id: string, step: RegExp): Promise<void> {
    let seen: unknown;
    await until(
      `step ${String(step)}`,
      async () => {
        seen = await by.api(`/v1/operations/${id}`);
        const operation = operationSchema.safeParse(seen);
        return operation.success && step.test(operation.data.step) ? true : undefined;
      },
      { withinMs: 60_000, seen: () => JSON.stringify(seen) },
    );
  }

  async function failedWith(by: Host, id: string, words: RegExp): Promise<void> {
    const operation = await until(
      "the restore to be given up",
      async () => {
        const read = operationSchema.safeParse(await by.api(`/v1/operations/${id}`));
        return read.success && read.data.state !== "running" ? read.data : undefined;
      },
      { withinMs: 60_000 },
    );
    assert.equal(operation.state, "failed", JSON.stringify(operation));
    assert.match(operation.error?.message ?? "", words);
  }

  test("its agent dies while the copy is made: the cluster goes on as it was, and nothing is left", async () => {
    const primary = await cluster.primary();
    const [standby] = await cluster.standbys();
    assert.ok(standby);
    await primary.ok("snapshot", "create", "shop", "--member", cluster.memberOn(standby).id);
    await point("four", primary);
    await add(4);
    const id = await begun(standby, "four");
    await atStep(standby, id, /replaying/);
    await standby.killRole("agent");
    await failedWith(standby, id, /agent ended before "shop" was put back; it is as it was/);
    await idsEverywhere(1, 2, 3, 4);
    await nothingOldIsLeft();
  });

  test("its host is lost when the cluster is stopped for it: another host starts it again as it was", async () => {
    const primary = await cluster.primary();
    const [carrying, other] = await cluster.standbys();
    assert.ok(carrying && other);
    await primary.ok("snapshot", "create", "shop", "--member", cluster.memberOn(carrying).id);
    await point("five", primary);
    const id = await begun(carrying, "five");
    await atStep(carrying, id, /replaying/);
    // A server that stops slowly, so that the host is lost before the copy takes its place.
    other.signal("postmaster", "SIGSTOP");
    await atStep(carrying, id, /stopping/);
    await carrying.kill();
    other.signal("postmaster", "SIGCONT");
    await until("it to be started again", async () =>
      (await cluster.events(primary)).some(({ type }) => type === "restore.abandoned") ? true : undefined,
    );
    await cluster.until("a primary", ({ primary: found }) => found !== null, 60_000, primary);
    assert.match(
      await primary.ok("connect", "shop", "-c", "INSERT INTO rows VALUES (5) RETURNING 'id:' || id"),
      /id:5/,
    );
    carrying.boot();
    await failedWith(carrying, id, /it is as it was/);
    await cluster.healthy(120_000);
    await idsEverywhere(1, 2, 3, 4, 5);
    await nothingOldIsLeft();
  });
});

function acknowledged(history: History, since: number): History {
  return history.filter(({ outcome, endedAt }) => outcome === "acknowledged" && endedAt > since);
}
