/**
 * Backups over several hosts: whoever is asked, they are taken where the primary is; the host of the next primary has what it
 * needs when the first is gone, and goes on in the same repository without a gap. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { backupsSchema, type Backups } from "../../src/contract/backups.ts";
import { clusterStatusSchema, operationSchema } from "../../src/contract/cluster.ts";
import { skip as whyNoProgram } from "../faults/backup-shop.ts";
import { signalAll } from "../faults/processes.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";

describe("backups over several hosts", { skip: whyNoLab() || whyNoProgram }, () => {
  let lab: Lab;
  let cluster: LabCluster;
  let repository: string;

  before(
    async () => {
      // All hosts of the laboratory see the same files, as if it were mounted.
      repository = mkdtempSync("/tmp/mb-");
      chmodSync(repository, 0o777);
      lab = await Lab.make();
      cluster = await LabCluster.create(lab, "shop", "--engine", "system", "--version", "15");
    },
    { timeout: 120_000 },
  );
  after(
    async () => {
      await lab?.[Symbol.asyncDispose]();
      rmSync(repository, { recursive: true, force: true });
    },
    { timeout: 60_000 },
  );

  const shown = async (host: Host): Promise<Backups> => backupsSchema.parse(await host.json("backup", "show", "shop"));

  test("asked of a host without the primary: enabled there, shown alike by all", async () => {
    const primary = await cluster.primary();
    const other = lab.hosts.find(({ name }) => name !== primary.name);
    assert.ok(other);
    await other.ok("backup", "enable", "shop", "--to", repository);
    for (const host of lab.hosts) {
      const { backups, repositories } = await shown(host);
      assert.deepEqual([backups.length, repositories[0]?.problem], [1, null], host.name);
    }
    await other.ok("backup", "create", "shop");
  });

  test("the primary's host is lost: the next one goes on, nothing of the log is missing, and all of it is verified", async () => {
    const lost = await cluster.primary();
    await lost.ok("connect", "shop", "-c", "CREATE TABLE t AS SELECT 7 AS n");
    await lost.vanish();
    const asked = lab.hosts.find(({ name }) => name !== lost.name);
    assert.ok(asked);
    await until(
      "another primary",
      async () => {
        const { primary, members } = clusterStatusSchema.parse(await asked.json("status", "shop"));
        const host = members.find(({ id }) => id === primary)?.host;
        return host !== undefined && host !== lost.name ? true : undefined;
      },
      { withinMs: 60_000 },
    );
    await asked.ok("connect", "shop", "-c", "INSERT INTO t VALUES (8)");
    await asked.ok("connect", "shop", "-c", "SELECT pg_switch_wal()");
    await asked.ok("backup", "create", "shop");
    await asked.ok("backup", "verify", "shop");
    const { backups } = await shown(asked);
    assert.deepEqual(
      backups.map(({ proof }) => proof?.is_good),
      [true, true, true],
    );
    assert.notEqual(backups[0]?.wal.from.slice(0, 8), backups[2]?.wal.to.slice(0, 8));
    await lab.network.mend();
    await cluster.healthy();
  });

  test("a host is lost with a backup under way: it keeps nobody from the next one", async () => {
    const lost = await cluster.primary();
    const [asked] = lab.others(lost);
    assert.ok(asked);
    void lost.matriarch(["backup", "create", "shop", "--type", "full"]);
    // It stands still, so that it has not ended by itself when its host is lost.
    await until("the backup to run", () => {
      const pids = lost.find(/^\S*pgbackrest .* backup$/);
      signalAll(pids, "SIGSTOP");
      return pids.length > 0 ? true : undefined;
    });
    await until("another host to know of it", async () => {
      const all = operationSchema.array().safeParse(await asked.api("/v1/operations?cluster=shop&state=running"));
      return all.data?.find(({ kind, host }) => kind === "backup create" && host === lost.name);
    });
    await lost.kill();
    await cluster.until(
      "another primary",
      ({ primary, members }) => primary !== null && members.find(({ id }) => id === primary)?.host !== lost.name,
      60_000,
      asked,
    );
    await asked.ok("backup", "create", "shop");
    await asked.ok("backup", "verify", "shop");
    lost.boot();
    await cluster.healthy(120_000);
    await until("what was under way to be told as ended", async () => {
      const running = await asked.api("/v1/operations?cluster=shop&state=running");
      return operationSchema.array().safeParse(running).data?.length === 0 ? true : undefined;
    });
  });

  test("asked of a host without a member, which has no credentials: restored where they are, also when it is gone", async () => {
    const [asked] = lab.hosts;
    assert.ok(asked);
    await asked.ok("create", "small", "--members", "1", "--engine", "system", "--version", "15");
    const { members } = clusterStatusSchema.parse(await asked.json("status", "small"));
    const [without] = lab.hosts.filter(({ name }) => name !== members[0]?.host);
    assert.ok(without);
    await without.ok("connect", "small", "-c", "CREATE TABLE t AS SELECT 7 AS n");
    await without.ok("backup", "enable", "small", "--to", repository, "--escrow");
    await without.ok("restore", "small", "small2", "--from-repository");
    assert.match(await without.ok("connect", "small2", "-c", "SELECT n FROM t"), /7/);
    await without.ok("destroy", "small2", "--yes");
    await without.ok("destroy", "small", "--yes");
    await without.ok("restore", "small", "small3");
    assert.match(await without.ok("connect", "small3", "-c", "SELECT n FROM t"), /7/);
    await without.ok("destroy", "small3", "--yes");
  });
});
