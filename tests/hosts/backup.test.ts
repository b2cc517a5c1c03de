/**
 * Backups over several hosts: whoever is asked, they are taken where the primary is; the host of the next primary has what it
 * needs when the first is gone, and goes on in the same repository without a gap. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { backupsSchema, type Backups } from "../../src/contract/backups.ts";
import { clusterStatusSchema } from "../../src/contract/cluster.ts";
import { skip as whyNoProgram } from "../faults/backup-shop.ts";
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
  });
});
