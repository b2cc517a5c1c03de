/**
 * Copies for which there is too little room, of each kind: refused before anything is written, in words that tell how
 * much is missing. And what only a repository, or another major version, can be wrong about. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { backupsSchema } from "../../src/contract/backups.ts";
import { snapshotsSchema } from "../../src/contract/storage.ts";
import { skip } from "../faults/backup-shop.ts";
import { createCluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { refused, refusesCommand, type Refusing } from "./as-it-was.ts";
import { begun, commitOf, copyOf } from "./restore-fixture.ts";

const why = process.getuid?.() === 0 ? skip : "only root can mount a small file system";
const own = ["--members", "1", "--engine", "system", "--version", "15"];

function smallDisk(megabytes: number): string {
  const mount = mkdtempSync("/tmp/mf-");
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", mount]);
  chmodSync(mount, 0o755);
  return mount;
}

/** Until so much is free. */
function leave(mount: string, megabytes: number): void {
  const filler = join(mount, "filler");
  rmSync(filler, { force: true });
  const { bavail, bsize } = statfsSync(mount);
  execFileSync("fallocate", ["-l", String(bavail * bsize - megabytes * 2 ** 20), filler]);
}

function repositoryOf(t: TestContext): string {
  const scratch = mkdtempSync("/tmp/mb-");
  chmodSync(scratch, 0o755);
  t.after(() => rmSync(scratch, { recursive: true, force: true }));
  return join(scratch, "repository");
}

async function snapshotOf(installation: Installation): Promise<string> {
  const { snapshots } = snapshotsSchema.parse(await installation.json("snapshot", "list", "shop"));
  return snapshots.at(-1)?.id ?? "";
}

describe("copies without room (1 member, Postgres 15 of the system)", { skip: why }, () => {
  test("of a member, a snapshot and a backup, in place and with members: refused, and nothing has changed", async (t) => {
    const mount = smallDisk(2000);
    const path = repositoryOf(t);
    const { installation, client, rows } = await begun(t, { home: join(mount, "h") }, ...own);
    t.after(async () => {
      await installation[Symbol.asyncDispose]();
      execFileSync("umount", [mount]);
      rmSync(mount, { recursive: true });
    });
    const filled =
      "CREATE TABLE large AS SELECT pg_catalog.repeat(pg_catalog.md5(n::text), 60) AS word FROM pg_catalog.generate_series(1, 90000) AS n";
    await client.query(filled);
    await client.query("CHECKPOINT");
    await installation.ok("backup", "enable", "shop", "--to", path);
    await installation.ok("snapshot", "create", "shop");
    await rows.add(3);
    const at: Refusing = { installation, client };
    const { backups } = backupsSchema.parse(await installation.json("backup", "show", "shop"));
    const backup = backups[0]?.label ?? "";
    const snapshot = await snapshotOf(installation);
    await targets(at, rows.added[1] ?? assert.fail());
    leave(mount, 300);
    const name = "new";
    const short = "too-little-disk";
    const free = /takes? [\d.]+ [MG]B( of the|, and) \d+ MB (are|that are) free/;
    for (const what of [{}, { at: "1 ms ago" }, { snapshot }, { backup }, { from_repository: true }])
      await refused(at, { path: "shop/restores", body: { name, ...what } }, short, free);
    for (const what of [{}, { at: "1 ms ago" }, { snapshot }])
      await refused(at, { path: "shop/forks", body: { name, ...what } }, short, free);
    for (const what of [{ at: "1 ms ago" }, { snapshot }])
      await refused(at, { path: "shop/restores/in-place", body: what }, short, free);
    await refused(at, { path: "shop/snapshots", body: {} }, short, free);
    leave(mount, 720);
    for (const [what, body] of [
      ["forks", { snapshot }],
      ["forks", {}],
      ["restores", { backup }],
    ] as const)
      await refused(at, { path: `shop/${what}`, body: { name, members: 3, ...body } }, short, free);
    assert.deepEqual(await copyOf(installation, ["fork", "shop"], []), [1, 2, 3]);
    await client.end();
  });
});

/** Of the repository: to a record that it was not given yet, and refused where it can have nothing. */
async function targets(at: Refusing, second: { readonly lsn: string; readonly xid: string }): Promise<void> {
  const { installation, client } = at;
  const from = async (...target: readonly string[]): Promise<readonly number[]> =>
    await copyOf(installation, ["restore", "shop"], ["--from-repository", ...target]);
  const commit = await commitOf(client, { ...second, at: "" });
  assert.deepEqual(await from("--lsn", commit.lsn), [1, 2]);
  assert.deepEqual(await from("--lsn", commit.lsn, "--exclusive"), [1]);
  assert.deepEqual(await from("--at", commit.at, "--exclusive"), [1]);
  assert.deepEqual(await from("--xid", second.xid), [1, 2]);
  const restores = (body: object) => ({ path: "shop/restores", body: { name: "new", from_repository: true, ...body } });
  await refused(at, restores({ lsn: "FFFF/0" }), "restore-out-of-window", /restored to FFFF\/0\n.*log ends at/);
  await refused(
    at,
    restores({ lsn: "0/1" }),
    "restore-out-of-window",
    /no backup of "shop" is old enough\n.*The oldest/,
  );
  await refused(at, restores({ at: "1 day ago" }), "restore-out-of-window", /no backup of "shop" is old enough/);
  await refused(at, restores({ backup: "20200101-000000F" }), "backup-not-found", /20200101-000000F/);
}

test("in place, to a snapshot of another major version: refused, and nothing has changed", async (t) => {
  const { installation, client: before } = await begun(t, {}, "--members", "1", "--version", "15");
  await before.end();
  const snapshot = await snapshotOf(installation);
  await installation.ok("destroy", "shop", "--yes");
  const cluster = await createCluster(installation, "shop", "--members", "1");
  const client = await cluster.connect();
  await client.query("CREATE TABLE rows (id int PRIMARY KEY)");
  const way = ["restore", "shop", "--in-place", "--snapshot", snapshot, "--yes"];
  const says = /runs Postgres 18, and was of 15 then\nHINT: {2}Restore it into a new cluster/;
  await refusesCommand({ installation, client }, way, 3, says);
  await client.end();
});

test(
  "a repository of another cluster, or with another key: refused, and nothing is known of it here",
  { skip },
  async (t) => {
    const path = repositoryOf(t);
    await using installation = await makeInstallation();
    const cluster = await createCluster(installation, "shop", ...own);
    await cluster.query("CREATE TABLE rows (id int PRIMARY KEY)");
    await installation.ok("backup", "enable", "shop", "--to", path);
    const files = (): readonly string[] => readdirSync(path, { recursive: true }).map(String).toSorted();
    const elsewhere = await makeInstallation();
    t.after(() => elsewhere[Symbol.asyncDispose]());
    const stranger = await createCluster(elsewhere, "shop", ...own);
    await stranger.query("CREATE TABLE rows (id int PRIMARY KEY)");
    const client = await stranger.connect();
    const before = files();
    const key = join(elsewhere.home, "key");
    execFileSync("sh", ["-c", 'echo "another key of sixteen letters" >"$1"', "sh", key]);
    for (const [words, code, says] of [
      [["backup", "enable", "shop", "--to", path, "--key-file", key], 1, /cannot be read with this key[\s\S]*HINT/],
      [
        ["backup", "connect", "gone", "--to", path, "--key-file", key],
        1,
        /nothing of this cluster in it\nHINT: {2}Check the/,
      ],
      [["backup", "connect", "shop", "--to", path, "--key-file", key], 3, /cluster "shop" is there/],
    ] as const) {
      const ran = await elsewhere.run(words);
      assert.equal(ran.code, code, ran.stdout + ran.stderr);
      assert.match(ran.stderr, says);
      assert.deepEqual(
        readdirSync(elsewhere.home)
          .filter((name) => name === "backups")
          .flatMap((name) => readdirSync(join(elsewhere.home, name))),
        [],
      );
      assert.deepEqual(
        files().filter((name) => !before.includes(name) && !name.startsWith("archive/")),
        [],
      );
    }
    assert.deepEqual((await client.query("SELECT count(*)::int AS n FROM rows")).rows, [{ n: 0 }]);
    await client.end();
  },
);
