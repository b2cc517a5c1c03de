/**
 * Test restores as a user sees them: one that passes, what it counts and leaves; a damaged snapshot and a lost file of the
 * log, found and named; the agent's death in the middle; no room.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, open, readdir, readFile, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Client } from "pg";
import { z } from "zod";
import { operationSchema } from "../../src/contract/cluster.ts";
import { proofsSchema, type Proofs } from "../../src/contract/proof.ts";
import { snapshotsSchema } from "../../src/contract/storage.ts";
import { parseLsn } from "../../src/domain/lsn.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { processesIn } from "../faults/processes.ts";
import { until } from "../faults/until.ts";

const listSchema = snapshotsSchema.extend({ proofs: proofsSchema });
const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

describe("test restores (1 member)", () => {
  let installation: Installation;
  let cluster: Cluster;
  let client: Client;
  let oldPath: string;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop", "--members", "1");
    client = await cluster.connect();
    await client.query("CREATE TABLE old AS SELECT i, repeat('x', 100) AS word FROM generate_series(1, 500) AS i");
    await client.query("CREATE TABLE notes (id int PRIMARY KEY)");
    // Nothing is to be written to its pages after the snapshot: replay would repair them.
    await client.query("VACUUM FREEZE old");
    const { rows } = await client.query<{ path: string }>("SELECT pg_relation_filepath('old') AS path");
    oldPath = rows[0]?.path ?? "";
    await installation.ok("snapshot", "create", "shop");
  });
  after(async () => {
    await client.end();
    await installation[Symbol.asyncDispose]();
  });

  const listed = async () => listSchema.parse(await installation.json("snapshot", "list", "shop"));
  const proofs = async (): Promise<Proofs> => (await listed()).proofs;
  const left = (): Promise<readonly string[]> => readdir(join(installation.home, "proofs", "shop")).catch(() => []);

  test("one that passes is recorded with what it has checked and counted, and leaves nothing", async () => {
    await client.query("INSERT INTO notes SELECT generate_series(1, 10)");
    const refused = await installation.run(["backup", "set", "shop", "--prove-table", "postgres.public.nothing"]);
    assert.equal(refused.code, 3, refused.stderr);
    assert.match(refused.stderr, /no table "public.nothing"/);
    assert.deepEqual((await proofs()).tables, []);
    const set = z.object({ proof: z.object({ every_days: z.int(), tables: z.array(z.string()) }) });
    const line = ["backup", "set", "shop", "--proof", "daily", "--prove-table", "postgres.public.notes"];
    assert.deepEqual(set.parse(await installation.json(...line)).proof, {
      every_days: 1,
      tables: ["postgres.public.notes"],
    });
    await client.query("INSERT INTO notes SELECT generate_series(11, 15)");
    const made = operationSchema.parse(await installation.json("backup", "verify", "shop"));
    assert.equal(made.state, "done", JSON.stringify(made.error));
    assert.match(String(made.result?.["checked"]), /^\d{3} indexes and tables; checksums of \d{4} pages$/);
    assert.match(String(made.result?.["counted"]), /^postgres.public.notes: \d+ rows/);
    const found = await proofs();
    assert.equal(found.proofs.length, 1);
    const [proof] = found.proofs;
    assert.ok(proof?.passed && proof.tables === 2 && proof.unchecked === 0 && proof.took_ms > 0);
    // None, where the moment comes before the first change after the snapshot.
    assert.ok(proof.newest_change === null || proof.newest_change <= proof.restored_to, JSON.stringify(proof));
    assert.deepEqual([found.is_overdue, found.last_passed_at], [false, proof.made_at]);
    const { snapshots } = await listed();
    assert.equal(proof.base, snapshots[0]?.id);
    assert.match(await installation.ok("status", "shop"), /proof +restored as a test .* ago/);
    assert.match(await installation.ok("events", "shop"), /restored from shop-\S+ to .* as a test, and is whole/);
    assert.deepEqual(await left(), []);
  });

  test("the agent's death in the middle leaves nothing, and the cluster is as it was", async () => {
    const cut = installation.run(["backup", "verify", "shop"]);
    const pidFile = await until("the copy's server to start", async () => {
      const [id] = await left();
      const path = join(installation.home, "proofs", "shop", id ?? "", "data", "postmaster.pid");
      const text = await readFile(path, "utf8").catch(() => "");
      return text.split("\n").length > 5 ? text : undefined;
    });
    await installation.killAgent();
    await installation.startAgent();
    await cut;
    await until("nothing to be left", async () => ((await left()).length === 0 ? true : undefined));
    assert.deepEqual(processesIn(join(installation.home, "proofs")), []);
    assert.equal(await isThere(pidFile.split("\n")[4] ?? ""), false, "directory of its socket");
    assert.equal((await proofs()).proofs.length, 1, "nothing was shown");
    const { rows } = await client.query("SELECT count(*)::int AS n FROM notes");
    assert.deepEqual(rows, [{ n: 15 }]);
  });

  test("a damaged page of the snapshot is found and named; status and events say so until one passes", async () => {
    const { snapshots } = await listed();
    const [snapshot] = snapshots;
    assert.ok(snapshot);
    const path = join(installation.home, "snapshots", "shop", snapshot.id, "data", oldPath);
    await changeByte(path, 8000);
    const failed = await installation.run(["backup", "verify", "shop"]);
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(
      failed.stderr,
      /could not be restored as it should\nDETAIL: {2}shop-\S+: postgres: public\.old: |postgres: old: /,
    );
    assert.match(failed.stderr, new RegExp(`wrong checksum in ${oldPath}, block 0`));
    assert.match(await installation.ok("status", "shop"), /proof +the last test restore failed: .*old/);
    assert.match(await installation.ok("events", "shop", "--type", "proof.failed"), /block 0/);
    assert.equal((await proofs()).proofs.at(-1)?.passed, false);
    assert.deepEqual(await left(), []);
    await changeByte(path, 8000);
    await installation.ok("backup", "verify", "shop");
    assert.doesNotMatch(await installation.ok("status", "shop"), /test restore failed/);
  });

  test("a file of the log that is nowhere any more is found and named", async () => {
    const { rows } = await client.query<{ file: string }>(
      "SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS file",
    );
    const file = rows[0]?.file ?? "";
    for (const id of [100, 101, 102]) {
      await client.query("INSERT INTO notes VALUES ($1)", [id]);
      await client.query("SELECT pg_switch_wal()");
      await client.query("CHECKPOINT");
    }
    const { data_directory: data } = await cluster.member("shop-1");
    const archives = join(installation.home, "archives", "shop");
    const [system = ""] = await readdir(archives);
    await until("it to be archived", async () => ((await isThere(join(archives, system, file))) ? true : undefined));
    // The server is past it, and keeps it only for standbys; the archive would be filled from there.
    await rm(join(data, "pg_wal", file), { force: true });
    await rm(join(archives, system, file));
    const { rows: ends } = await client.query<{ end: string }>("SELECT pg_current_wal_flush_lsn() AS end");
    // What the log leads to is judged by the agent's last look at the server.
    await cluster.until("a look at it since", ({ members: [only] }) => {
      const seen = only?.flushed_lsn;
      return seen !== null && seen !== undefined && parseLsn(seen) >= parseLsn(ends[0]?.end ?? "");
    });
    const failed = await installation.run(["backup", "verify", "shop"]);
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(failed.stderr, new RegExp(`file ${file} of the log is missing`));
    assert.deepEqual(await left(), []);
  });
});

/** Twice: as it was. */
async function changeByte(path: string, at: number): Promise<void> {
  const file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.from([(byte[0] ?? 0) ^ 0xff]), 0, 1, at);
  await file.close();
}

const skip = process.getuid?.() === 0 ? false : "only root can mount a small file system";

test("without room it is refused, and nothing is begun (small file system)", { skip }, async (t) => {
  const mount = await mkdtemp("/tmp/mf-");
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1200m", "tmpfs", mount]);
  await chmod(mount, 0o755);
  const installation = await makeInstallation({ home: join(mount, "h") });
  t.after(async () => {
    await installation[Symbol.asyncDispose]();
    execFileSync("umount", [mount]);
    await rm(mount, { recursive: true, force: true });
  });
  await createCluster(installation, "shop", "--members", "1");
  await installation.ok("snapshot", "create", "shop");
  const { bavail, bsize } = await statfs(mount);
  execFileSync("fallocate", ["-l", String(bavail * bsize - 600 * 2 ** 20), join(mount, "filler")]);
  const refused = await installation.run(["backup", "verify", "shop"]);
  assert.equal(refused.code, 3, refused.stderr);
  assert.match(refused.stderr, /a test restore takes .* with what must stay free, and .* are free\n[^]*HINT:/);
  assert.deepEqual(await readdir(join(installation.home, "proofs")).catch(() => []), []);
  await rm(join(mount, "filler"));
  await installation.ok("backup", "verify", "shop");
});
