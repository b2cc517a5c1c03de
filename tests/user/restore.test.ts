/**
 * Restores as a user makes them: to just before and just after a row, over a failover, of a cluster that is gone, refused
 * outside of what there is, cut short by the agent's death.
 */
import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { z } from "zod";
import { operationSchema } from "../../src/contract/cluster.ts";
import { restoreWindowsSchema } from "../../src/contract/storage.ts";
import type { Installation } from "../faults/installation.ts";
import { until } from "../faults/until.ts";
import { refusesCommand } from "./as-it-was.ts";
import { begun, commitOf, copyOf, made, Rows } from "./restore-fixture.ts";

describe("restore", () => {
  test("to before and after a row, by time, point, position and transaction; refused outside of the window", async (t) => {
    const { installation, client, rows } = await begun(t, {}, "--members", "1", "--set", "max_connections=77");
    const early = new Date(Date.now() - 3_600_000).toISOString();
    await rows.add(3);
    const [, second] = rows.added;
    assert.ok(second);
    await installation.ok("restore-point", "create", "shop", "before-4");
    await rows.add(2);
    const restored = (...target: readonly string[]) => copyOf(installation, ["restore", "shop"], target);
    assert.deepEqual(await restored("--at", second.at), [1, 2]);
    assert.deepEqual(await restored("--name", "before-4"), [1, 2, 3]);
    assert.deepEqual(await restored("--xid", second.xid, "--exclusive"), [1]);
    // To its very record, and to just before it.
    const commit = await commitOf(client, second);
    assert.deepEqual(await restored("--lsn", commit.lsn), [1, 2]);
    assert.deepEqual(await restored("--lsn", commit.lsn, "--exclusive"), [1]);
    assert.deepEqual(await restored("--at", commit.at, "--exclusive"), [1]);
    assert.deepEqual(await restored(), [1, 2, 3, 4, 5]);
    assert.deepEqual(await copyOf(installation, ["fork", "shop"], ["--at", "10 ms ago"]), [1, 2, 3, 4, 5]);
    const refused = (code: number, words: RegExp, ...target: readonly string[]): Promise<void> =>
      refusesCommand({ installation, client }, ["restore", "shop", ...target], code, words);
    const outside = /cannot be restored to.*\n.*What can be restored: \d{4}-\d\d-\d\d .* to /;
    // Whoever only looks, and whoever is to be asked, is told at once as well.
    for (const into of [["new"], ["--in-place", "--yes"], ["--in-place"], ["--in-place", "--dry-run"]])
      await refused(3, outside, ...into, "--at", early);
    await refusesCommand({ installation, client }, ["fork", "shop", "new", "--at", early], 3, outside);
    await refused(3, /in the future/, "new", "--at", new Date(Date.now() + 3_600_000).toISOString());
    await refused(3, /no time zone/, "new", "--at", "2026-11-21 10:30");
    await refused(3, /cannot be restored to FFFF/, "new", "--lsn", "FFFF/0");
    await refused(5, /no restore point "after-4"(.*\n)*.*before-4/, "new", "--name", "after-4");
    await refused(5, /no snapshot/, "new", "--snapshot", "shop-20200101T000000Z-ffff");
    await refused(2, /only one of/, "new", "--at", "1s ago", "--lsn", "0/1");
    await refused(3, /"shop" already exists(.*\n)*.*restore shop --in-place/, "shop");
    const windows = restoreWindowsSchema.parse(await installation.json("restore-point", "list", "shop"));
    assert.equal(windows.windows.length, 1);
    assert.deepEqual(
      windows.points.map(({ name }) => name),
      ["before-4"],
    );
    assert.deepEqual((await client.query("SELECT count(*)::int AS n FROM rows")).rows, [{ n: 5 }]);
  });

  test("over a failover and of a cluster that is gone; what it holds is told", async (t) => {
    const { installation, client, cluster, rows } = await begun(t, {}, "--members", "2");
    await rows.add(2);
    await client.end();
    await installation.ok("switchover", "shop");
    const again = await cluster.connect();
    const more = new Rows(again, 2);
    await more.add(2);
    await again.end();
    assert.deepEqual(await copyOf(installation, ["restore", "shop"], ["--at", rows.added[1]?.at ?? ""]), [1, 2]);
    assert.deepEqual(await copyOf(installation, ["restore", "shop"], ["--at", more.added[0]?.at ?? ""]), [1, 2, 3]);
    await installation.ok("destroy", "shop", "--yes");
    // The last change of all, whatever else the server wrote or did not before it ended.
    const id = await detached(installation, "restore", "shop", "shop", "--at", more.added[1]?.at ?? "");
    const look = async () => operationSchema.parse(await installation.api(`/v1/operations/${id}`));
    const ended = await until("the restore to end", async () => {
      const operation = await look();
      return operation.state === "running" ? undefined : operation;
    });
    assert.equal(ended.state, "done", JSON.stringify(ended.error));
    const { of_timeline, tables, rows_about, checked, newest_change, took_ms } = ended.result ?? {};
    assert.deepEqual([of_timeline, tables, rows_about], [2, 1, 4]);
    assert.match(String(checked), /^\d{3} indexes and tables read, checksums included$/);
    assert.ok(Number(took_ms) > 0 && String(newest_change) !== "");
    assert.match(await installation.ok("events", "shop"), /cluster "shop" was restored from "shop" as of/);
    await installation.ok("destroy", "shop", "--yes");
    const misspelt = await installation.run(["restore", "shp", "shop"]);
    assert.equal(misspelt.code, 5, misspelt.stderr);
    assert.match(
      misspelt.stderr,
      /cluster "shp" does not exist.*\nDETAIL: {2}Destroyed, and can be brought back: shop\./,
    );
  });

  test("with a script; one that fails leaves no copy", async (t) => {
    const { installation, rows } = await begun(t, {}, "--members", "1");
    await rows.add(2);
    const script = join(installation.home, "..", "scrub.sql");
    await writeFile(script, "UPDATE rows\n  SET word = 'nobody';\n");
    const copy = await made(installation, ["fork", "shop"], ["--anonymize", script]);
    assert.deepEqual((await copy.query("SELECT DISTINCT word FROM rows")).rows, [{ word: "nobody" }]);
    await copy.end();
    await installation.ok("destroy", "copy", "--yes");
    await writeFile(script, "UPDATE rows SET word = '';\n\nUPDATE missing SET word = '';\n");
    const failed = await installation.run(["restore", "shop", "copy", "--anonymize", script]);
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(failed.stderr, /failed at line 3: relation "missing" does not exist/);
    assert.deepEqual(await readdir(join(installation.home, "clusters")), ["shop"]);
    await writeFile(script, "\\connect postgres\n");
    const psql = await installation.run(["fork", "shop", "copy", "--anonymize", script]);
    assert.equal(psql.code, 2, psql.stderr);
  });
});

async function detached(installation: Installation, ...command: readonly string[]): Promise<string> {
  const begunSchema = z.object({ operation: operationSchema });
  return begunSchema.parse(await installation.json(...command, "--detach")).operation.id;
}
