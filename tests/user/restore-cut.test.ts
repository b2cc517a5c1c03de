/**
 * Restores that are cut short, or made at a bad moment: by the agent's death, by a full disk, while the source fails
 * over. Nothing is left of them, and the source is as it was. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { z } from "zod";
import { processesIn } from "../faults/processes.ts";
import { until } from "../faults/until.ts";
import { begun, copyOf, idsIn, made, markedCluster } from "./restore-fixture.ts";

const stateSchema = z.object({ state: z.string() });

/** By its description, which the check before goes by. */
async function belittle(directory: string): Promise<void> {
  const newest =
    (await readdir(directory))
      .filter((name) => name.endsWith(".json"))
      .toSorted()
      .at(-1) ?? "";
  const path = join(directory, newest);
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace(/"bytes": \d+/, '"bytes": 1000000'));
}

describe("restores that are cut short", () => {
  test("that the agent's death cuts short leaves nothing, and the source is as it was", async (t) => {
    const { installation, cluster, rows } = await begun(t, {}, "--members", "1");
    await rows.add(2);
    const restoring = installation.run(["restore", "shop", "copy"]);
    const clusters = join(installation.home, "clusters");
    await until("the log to be replayed", async () =>
      (await readdir(clusters, { recursive: true })).some((path) => path.startsWith("copy/copy-1/recovery"))
        ? true
        : undefined,
    );
    await installation.killAgent();
    await installation.startAgent();
    await restoring;
    await until("nothing to be left", async () => ((await readdir(clusters)).join() === "shop" ? true : undefined));
    assert.deepEqual(processesIn(join(clusters, "copy")), []);
    await cluster.healthy();
    assert.deepEqual(await copyOf(installation, ["restore", "shop"], []), [1, 2]);
  });

  test("in place, that the agent's death cuts short before the change leaves the cluster as it was", async (t) => {
    const { installation, cluster, at } = await markedCluster(t, "--members", "1");
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

  test("in place, that the agent's death cuts short while it is stopped, or just after: one or the other, and it serves", async (t) => {
    const { installation, cluster, at } = await markedCluster(t, "--members", "1");
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

  test("on a disk that is full: refused before, and undone when it runs full meanwhile", async (t) => {
    if (process.getuid?.() !== 0) return t.skip("only root can mount a small file system");
    const mount = await mkdtemp("/tmp/mf-");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1500m", "tmpfs", mount]);
    await chmod(mount, 0o755);
    const { installation, client, cluster, rows } = await begun(t, { home: join(mount, "h") }, "--members", "1");
    t.after(async () => {
      await installation[Symbol.asyncDispose]();
      execFileSync("umount", [mount]);
      await rm(mount, { recursive: true, force: true });
    });
    // Of no weight in the log, and copied all the same.
    const filled =
      "CREATE UNLOGGED TABLE large AS SELECT pg_catalog.repeat(pg_catalog.md5(n::text), 60) AS word FROM pg_catalog.generate_series(1, 170000) AS n";
    await client.query(filled);
    await client.query("CHECKPOINT");
    await installation.ok("snapshot", "create", "shop");
    await rows.add(2);
    const leave = async (megabytes: number): Promise<void> => {
      const { bavail, bsize } = await statfs(mount);
      execFileSync("fallocate", ["-l", String(bavail * bsize - megabytes * 2 ** 20), filler]);
    };
    const filler = join(mount, "filler");
    await leave(310);
    const refused = await installation.run(["restore", "shop", "copy"]);
    assert.equal(refused.code, 3, refused.stderr);
    assert.match(refused.stderr, /a copy of shop-.* takes .*, and .* are free/);
    await belittle(join(installation.home, "snapshots", "shop"));
    const failed = await installation.run(["restore", "shop", "copy"]);
    assert.equal(failed.code, 3, failed.stdout + failed.stderr);
    assert.match(failed.stderr, /the disk became full while the copy was made/);
    assert.deepEqual(await readdir(join(installation.home, "clusters")), ["shop"]);
    await rm(filler);
    await cluster.healthy();
    assert.deepEqual(await copyOf(installation, ["restore", "shop"], []), [1, 2]);
  });

  test("while its primary is killed: the fork has all rows of before, and the source fails over", async (t) => {
    const { installation, client, cluster, rows } = await begun(t, {}, "--members", "2");
    await rows.add(3);
    await client.end();
    const forking = made(installation, ["fork", "shop"], ["--at", rows.added[1]?.at ?? ""]);
    process.kill((await cluster.primary()).pid, "SIGKILL");
    const copy = await forking;
    const found = await copy.query<{ id: number }>("SELECT id FROM rows ORDER BY id");
    assert.deepEqual(
      found.rows.map(({ id }) => id),
      [1, 2],
    );
    await copy.end();
    await cluster.healthy();
    assert.deepEqual(await idsIn(cluster), [1, 2, 3]);
  });
});
