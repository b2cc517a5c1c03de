/**
 * Backups while something breaks: the storage, the agent, the primary, a full disk. What fails says why, once; what is over
 * is told; nothing is left that keeps the next backup from being taken.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "./until.ts";
import { exists, makeShop, shownKey, skip, type Shop } from "./backup-shop.ts";
import { endAll } from "./installation.ts";

const isRoot = process.getuid?.() === 0;

describe("enabling backups to S3 while something breaks (2 members, Postgres 15 of the system)", { skip }, () => {
  let shop: Shop;

  before(async () => {
    shop = await makeShop();
  });
  after(() => shop[Symbol.asyncDispose]());

  test("the log does not arrive: it is as it was before, here and in the storage", async () => {
    shop.s3.readOnly = /\/archive\/shop\/15-1\//;
    const { code, stdout, stderr } = await shop.enable(shop.place());
    shop.s3.readOnly = undefined;
    assert.equal(code, 1);
    assert.match(stdout + stderr, /cannot be used|pgBackRest's check/);
    await shop.nothingLeft();
  });

  test("a new path on this host: its directories go with it", { skip: !isRoot }, async () => {
    const path = join(shop.scratch, "deep/er");
    writeFileSync(join(shop.scratch, "s3.crt.key"), "");
    const { code } = await shop.enable(["--to", path, "--key-file", join(shop.scratch, "s3.crt.key")]);
    assert.notEqual(code, 0);
    assert.ok(!exists(join(shop.scratch, "deep")));
  });

  test("the agent dies in the middle: the next one takes it back", async () => {
    shop.s3.fault = "slow";
    const asked = shop.enable(shop.place());
    await until("the place to be made", () => (shop.s3.objects.size > 1 ? true : undefined), { withinMs: 60_000 });
    await shop.installation.killAgent();
    await shop.installation.startAgent();
    shop.s3.fault = "none";
    const { code, stdout, stderr } = await asked;
    assert.equal(code, 4, stdout + stderr);
    await shop.nothingLeft();
  });

  test("the first backup fails: it is enabled, and the key is told all the same", async () => {
    shop.s3.readOnly = /\/backup\/shop\/\d{8}-/;
    const { code, stdout, stderr } = await shop.enable(shop.place());
    shop.s3.readOnly = undefined;
    assert.equal(code, 1);
    assert.match(stdout + stderr, /the first full backup failed[\s\S]*are enabled/);
    assert.match(stderr, shownKey);
    const { repositories, backups } = await shop.show();
    assert.deepEqual([repositories.length, repositories[0]?.problem, backups.length], [1, null, 0]);
  });
});

describe("backups to S3 while something breaks (2 members, Postgres 15 of the system)", { skip }, () => {
  let shop: Shop;

  before(async () => {
    shop = await makeShop();
    await shop.installation.ok("backup", "enable", "shop", ...shop.place());
  });
  after(() => shop[Symbol.asyncDispose]());

  test("storage that errs: told, the log is kept, and all of it arrives afterwards", async () => {
    const since = await shop.cluster.lastEvent();
    shop.s3.fault = "error";
    await shop.write(1);
    await shop.cluster.query("SELECT pg_catalog.pg_switch_wal()");
    const lost = await shop.event("backup.repository-lost", since);
    assert.match(lost.message, /500/);
    // The storage is asked by others too, and may be found lost before the server's own push has failed.
    const pushProblem = async (): Promise<string | undefined> => (await shop.show()).push_problem ?? undefined;
    assert.match(await until("the push to fail", pushProblem, { withinMs: 90_000 }), /off-site/);
    shop.s3.fault = "none";
    await shop.event("backup.repository-back", lost.id);
    await shop.pushed();
    assert.equal((await shop.show()).push_problem, null);
  });

  test("storage that says nothing holds no switchover up, and no write is lost", async () => {
    shop.s3.fault = "hang";
    await shop.cluster.query("SELECT pg_catalog.pg_switch_wal()");
    const { epoch } = await shop.cluster.healthy();
    await shop.cluster.story(async (writer) => {
      await shop.installation.ok("switchover", "shop");
      await writer.acknowledged(20, 30_000);
    });
    assert.equal((await shop.cluster.healthy()).epoch, epoch + 1);
    shop.s3.fault = "none";
    await shop.pushed();
    // What the former primary had not pushed comes from the archive on the host.
    await until(
      "nothing of the log to be missing",
      async () => ((await shop.installation.run(["backup", "verify", "shop"])).code === 0 ? true : undefined),
      { withinMs: 150_000 },
    );
  });

  test("two at once are refused; an agent that dies does not end a backup, the next one tells its end", async () => {
    shop.s3.fault = "slow";
    const { id } = await shop.begin();
    assert.equal((await shop.installation.run(["backup", "create", "shop"])).code, 3);
    await shop.copying();
    await shop.installation.killAgent();
    await shop.installation.startAgent();
    shop.s3.fault = "none";
    const operation = await shop.ended(id);
    assert.equal(operation.state, "done", JSON.stringify(operation.error));
    assert.ok((await shop.show()).backups.some(({ label }) => label === operation.result?.["message"]));
    await shop.installation.ok("backup", "create", "shop");
  });

  test("a primary that is lost during a backup: it fails with the reason, and the next one is taken", async () => {
    shop.s3.fault = "slow";
    const since = await shop.cluster.lastEvent();
    const { id } = await shop.begin();
    // The program runs for a while before it asks the servers anything: a primary lost by then is not missed by it.
    await shop.inPrimary();
    shop.s3.fault = "hang";
    await shop.inPrimary();
    const { pid } = await shop.cluster.primary();
    await endAll([pid]);
    shop.s3.fault = "none";
    const operation = await shop.ended(id);
    assert.equal(operation.state, "failed");
    await shop.event("backup.failed", since);
    await shop.cluster.healthy();
    await shop.installation.ok("backup", "create", "shop");
    await shop.event("backup.taken", since);
  });

  test(
    "a path that is full: the backup fails with that, and is taken once there is room",
    { skip: !isRoot },
    async (t) => {
      const path = join(shop.scratch, "small");
      mkdirSync(path);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m,mode=777", "none", path]);
      t.after(() => execFileSync("umount", ["-l", path]));
      await shop.installation.ok("backup", "enable", "shop", "--number", "2", "--to", join(path, "repository"));
      writeFileSync(join(path, "filler"), Buffer.alloc(freeBytes(path) - 2 ** 18));
      const since = await shop.cluster.lastEvent();
      const full = await shop.installation.run(["backup", "create", "shop", "--number", "2", "--type", "full"]);
      assert.equal(full.code, 1);
      assert.match(full.stderr, /it is full/, "in words");
      assert.match((await shop.event("backup.failed", since)).message, /it is full/);
      rmSync(join(path, "filler"));
      await shop.installation.ok("backup", "create", "shop", "--number", "2", "--type", "full");
      await shop.installation.ok("backup", "disable", "shop", "--number", "2", "--yes");
    },
  );
});

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
