/**
 * Backups of a cluster on embedded binaries, of the newest major version that Debian's pgBackRest knows: to a path, and back
 * after a lost write. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { backupsSchema } from "../../src/contract/backups.ts";
import { skip } from "./backup-shop.ts";
import { makeInstallation } from "./installation.ts";

test("backups of embedded Postgres 15 to a path (3 members)", { skip }, async (t) => {
  const scratch = mkdtempSync("/tmp/mb-");
  chmodSync(scratch, 0o755);
  const installation = await makeInstallation();
  t.after(async () => {
    await installation[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  });
  await installation.ok("create", "shop", "--engine", "embedded", "--version", "15");
  const path = join(scratch, "repository");
  await installation.ok("backup", "enable", "shop", "--to", path, "--escrow");
  await installation.ok("connect", "shop", "-c", "CREATE TABLE kept AS SELECT 7 AS n");
  await installation.ok("restore-point", "create", "shop", "before");
  await installation.ok("connect", "shop", "-c", "DELETE FROM kept");
  await installation.ok("backup", "create", "shop");
  await installation.ok("backup", "verify", "shop");
  const { backups } = backupsSchema.parse(await installation.json("backup", "show", "shop"));
  assert.deepEqual(
    backups.map(({ version, proof }) => [version, proof?.is_good]),
    [
      [15, true],
      [15, true],
    ],
  );
  await installation.ok("restore", "shop", "again", "--from-repository", "--name", "before");
  const rows = await installation.ok("connect", "again", "-c", "COPY (SELECT n FROM kept) TO STDOUT");
  assert.equal(rows.trim(), "7");
  await installation.ok("destroy", "shop", "--with-backups", "--yes");
  assert.equal((await installation.run(["backup", "list", "shop"])).code, 5);
});
