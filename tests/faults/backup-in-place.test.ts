/**
 * A cluster with a repository is put back in place and back again: each time it begins a log of its own there, and what is
 * backed up afterwards can be restored. With Debian's pgBackRest and its Postgres 15.
 */
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { skip } from "./backup-shop.ts";
import { createCluster, type Cluster } from "./cluster.ts";
import { makeInstallation, type Installation } from "./installation.ts";
import { until } from "./until.ts";

/** The servers' user reads and writes there. */
async function place(t: TestContext): Promise<string> {
  const scratch = await mkdtemp("/tmp/mb-");
  t.after(() => rm(scratch, { recursive: true, force: true }));
  await chmod(scratch, 0o755);
  return join(scratch, "repository");
}

async function rowsOf(cluster: Cluster): Promise<readonly unknown[]> {
  return (await cluster.query("SELECT n FROM kept ORDER BY n")).map((row) => row["n"]);
}

/** In the new log, not in the one that the cluster had before. */
async function backedUp(installation: Installation, cluster: Cluster, since: number): Promise<void> {
  await until(
    "its new log to begin in the repository",
    async () => {
      const events = await cluster.events();
      return events.some(({ id, type }) => id > since && type === "backup.identity-changed") || undefined;
    },
    { withinMs: 60_000 },
  );
  await installation.ok("backup", "create", "shop", "--type", "full");
  await installation.ok("backup", "verify", "shop");
}

describe("backups of a cluster that is restored in place", { skip }, () => {
  test("put back and undone: what is backed up afterwards can be restored", async (t) => {
    await using installation = await makeInstallation();
    const cluster = await createCluster(
      installation,
      "shop",
      "--members",
      "1",
      "--engine",
      "system",
      "--version",
      "15",
    );
    await installation.ok("backup", "enable", "shop", "--to", await place(t));
    await cluster.query("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)");
    await installation.ok("snapshot", "create", "shop");
    await cluster.query("INSERT INTO kept VALUES (2)");
    const [point] = await cluster.query("SELECT pg_current_wal_lsn() AS at");
    await cluster.query("INSERT INTO kept VALUES (3); SELECT pg_switch_wal()");
    for (const [words, rows] of [
      [
        ["--in-place", "--lsn", String(point?.["at"])],
        [1, 2],
      ],
      [["--undo"], [1, 2, 3]],
    ] as const) {
      const since = await cluster.lastEvent();
      await installation.ok("restore", "shop", ...words, "--yes");
      assert.deepEqual(await rowsOf(cluster), rows);
      await backedUp(installation, cluster, since);
    }
    await installation.ok("restore", "shop", "other", "--from-repository");
    const other = await installation.ok("connect", "other", "-c", "SELECT count(*) AS n FROM kept", "--json");
    assert.match(other, /3/);
    // Nothing is committed after the time, and the file of the log that holds it is still being written.
    await cluster.query("INSERT INTO kept VALUES (4)");
    const [now] = await cluster.query("SELECT pg_catalog.clock_timestamp()::text AS at");
    await installation.ok("restore", "shop", "late", "--from-repository", "--at", String(now?.["at"]));
    assert.match(await installation.ok("connect", "late", "-c", "SELECT count(*) AS n FROM kept", "--json"), /4/);
  });
});
