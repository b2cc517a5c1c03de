/**
 * Backups elsewhere, with Debian's pgBackRest and its Postgres 15, to storage that speaks S3 over TLS: what is refused, what
 * goes on over a failover, what is damaged, and that another installation restores all of it. See backup-broken.test.ts.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { backupsSchema } from "../../src/contract/backups.ts";
import { operationSchema } from "../../src/contract/cluster.ts";
import { makeShop, skip, type Shop, exists, filesIn, program, shownKey, tomorrow } from "./backup-shop.ts";
import { makeInstallation, type Installation } from "./installation.ts";

describe("backups to S3 (2 members, Postgres 15 of the system)", { skip }, () => {
  let shop: Shop;
  let key: string;

  before(async () => {
    shop = await makeShop();
  });
  after(() => shop[Symbol.asyncDispose]());

  test("what cannot work is refused, and changes nothing", async () => {
    writeFileSync(join(shop.scratch, "wrong.env"), `AWS_ACCESS_KEY_ID=${shop.s3.key}\nAWS_SECRET_ACCESS_KEY=wrong\n`);
    for (const [change, readOnly] of [
      [{ to: "s3://nothing/prod" }, undefined],
      [{ credentials: join(shop.scratch, "wrong.env") }, undefined],
      [{ ca: join(shop.scratch, "s3.crt") }, undefined],
      [{}, /./],
    ] as const) {
      shop.s3.readOnly = readOnly;
      const { code, stdout, stderr } = await shop.enable(shop.place(change));
      assert.equal(code, 1, stderr);
      assert.equal(JSON.parse(stdout || stderr).error.code, "backup-repository", stdout + stderr);
      assert.ok(!(stdout + stderr).includes("wrong\n"), "a secret was told");
      assert.doesNotMatch(stdout + stderr, shownKey);
      await shop.nothingLeft();
    }
    shop.s3.readOnly = undefined;
  });

  test("enabled: a full backup, secrets nowhere but in files of their owners", async () => {
    const answer = (await shop.installation.json("backup", "enable", "shop", ...shop.place())) as { key: string };
    key = answer.key;
    assert.ok(key.length >= 40);
    writeFileSync(join(shop.scratch, "shop.key"), `${key}\n`);
    const { backups, repositories } = await shop.show();
    assert.deepEqual(
      backups.map(({ kind, is_current }) => [kind, is_current]),
      [["full", true]],
    );
    assert.equal(repositories[0]?.problem, null);
    const files = filesIn(join(shop.installation.home, "backups"));
    assert.ok(files.length > 0);
    for (const file of files) assert.equal(statSync(file).mode & 0o077, 0, `${file} can be read by others`);
    const told = (await shop.installation.log()) + JSON.stringify(await shop.cluster.events());
    for (const secret of [key, shop.s3.secret]) {
      assert.ok(!told.includes(secret), "a secret is in the log or in an event");
      assert.ok(files.some((file) => readFileSync(file, "utf8").includes(secret)));
    }
    assert.ok(![...shop.s3.objects.values()].some((object) => object.includes("PG_VERSION")), "it is not encrypted");
  });

  test("a new primary goes on in the same place, and nothing is missing", async () => {
    await shop.write(1);
    await shop.installation.ok("switchover", "shop");
    await shop.cluster.healthy();
    await shop.write(2);
    await shop.installation.ok("backup", "create", "shop");
    await shop.write(3);
    await shop.pushed();
    const verified = operationSchema.parse(await shop.installation.json("backup", "verify", "shop"));
    assert.equal(verified.state, "done", JSON.stringify(verified.error));
    const found = await shop.show();
    const { label } = found.backups.find(({ proof }) => proof?.how === "restored") ?? {};
    assert.ok(label !== undefined && verified.result?.["restored_from"] === label, JSON.stringify(verified.result));
    assert.match(String(verified.result["checked"]), /^\d{3} indexes and tables; checksums of \d{4} pages$/);
    assert.match(await shop.installation.ok("backup", "show", "shop"), new RegExp(`passed .* ${label}`));
    const left = readdirSync(join(shop.installation.home, "backups/shop"), { recursive: true }).map(String);
    assert.deepEqual(
      left.filter((file) => file.includes("restore-")),
      [],
    );
    assert.deepEqual(
      found.backups.map(({ kind, proof }) => [kind, proof?.is_good]),
      [
        ["full", true],
        ["incremental", true],
      ],
    );
    assert.notEqual(found.backups[0]?.wal.from.slice(0, 8), found.backups[1]?.wal.from.slice(0, 8));
  });

  test("a damaged object is named, and a mended one clears it", async () => {
    const bundles = [...shop.s3.objects].filter(([one]) => /backup\/shop\/\d{8}-\d{6}F\/bundle\//.test(one));
    const [name, good] = bundles.toSorted(([, a], [, b]) => b.length - a.length)[0] ?? [];
    assert.ok(name !== undefined && good !== undefined);
    const bad = Buffer.from(good);
    bad.fill(0x55, 5000, 5200);
    shop.s3.objects.set(name, bad);
    const missing = [...shop.s3.objects.keys()]
      .filter((one) => /archive\/shop\/15-1\/[0-9A-F]{16}\/[0-9A-F]{24}-/.test(one))
      .toSorted()
      .at(-2);
    assert.ok(missing !== undefined);
    const segment = shop.s3.objects.get(missing) ?? Buffer.alloc(0);
    shop.s3.objects.delete(missing);
    // The host has it still, and would push it again in the middle.
    shop.s3.readOnly = new RegExp(missing);
    const since = await shop.cluster.lastEvent();
    const { code, stderr } = await shop.installation.run(["backup", "verify", "shop"]);
    assert.equal(code, 1);
    assert.match(stderr, /damaged: \d{8}-\d{6}F[\s\S]*invalid checksum/);
    const told = await shop.cluster.event("backup.damaged", since);
    assert.match(told.message, new RegExp(`missing from the log: ${/[0-9A-F]{24}/.exec(missing)?.[0]}`));
    assert.equal((await shop.show()).backups[0]?.proof?.is_good, false);
    shop.s3.objects.set(name, good);
    shop.s3.objects.set(missing, segment);
    shop.s3.readOnly = undefined;
    await shop.installation.ok("backup", "verify", "shop");
    await shop.cluster.event("backup.verified", since);
  });

  test("a file of the log that is not there yet is never passed over: brought from the host, or named", async () => {
    await shop.write(4);
    const [row] = await shop.cluster.query(
      "SELECT lsn::text, pg_catalog.pg_walfile_name(lsn) AS name FROM pg_catalog.pg_current_wal_insert_lsn() AS lsn",
    );
    const { lsn, name } = row ?? {};
    await shop.pushed();
    await shop.write(5);
    await shop.pushed();
    const object = [...shop.s3.objects.keys()].find((one) => one.includes(String(name))) ?? assert.fail(String(name));
    shop.s3.objects.delete(object);
    // As for as long as nobody brings it.
    shop.s3.readOnly = new RegExp(String(name));
    const restore = ["restore", "shop", "early", "--from-repository", "--lsn", String(lsn)];
    const { code, stderr } = await shop.installation.run(restore);
    assert.equal(code, 3, stderr);
    assert.match(stderr, new RegExp(`has a gap: ${String(name)} is missing`));
    assert.equal((await shop.installation.run(["status", "early"])).code, 5);
    shop.s3.readOnly = undefined;
    await shop.installation.ok(...restore);
    const rows = await shop.installation.ok("connect", "early", "-c", "COPY (SELECT n FROM kept ORDER BY n) TO STDOUT");
    assert.equal(rows.trim(), "1\n2\n3\n4");
    await shop.installation.ok("destroy", "early", "--yes");
  });

  test("a locked backup is not deleted, by nobody", async () => {
    const [first] = (await shop.show()).backups;
    assert.ok(first);
    await shop.installation.ok("backup", "lock", "shop", first.label, "--until", tomorrow());
    assert.equal((await shop.show()).backups[0]?.locked_until?.slice(0, 10), tomorrow());
    for (const words of [
      ["backup", "disable", "shop", "--delete-backups", "--yes"],
      ["destroy", "shop", "--with-backups", "--yes"],
    ]) {
      const { code, stderr } = await shop.installation.run(words);
      assert.equal(code, 3);
      assert.match(stderr, /is locked until/);
    }
    assert.ok((await shop.show()).backups.some(({ label }) => label === first.label));
  });

  test("when the cluster and its host are gone, another installation restores it with the key", async (t) => {
    await shop.pushed();
    await shop.installation.ok("destroy", "shop", "--yes");
    assert.equal((await shop.installation.run(["backup", "list", "shop"])).code, 3, "the key went with the cluster");
    const elsewhere = await makeInstallation();
    t.after(() => elsewhere[Symbol.asyncDispose]());
    writeFileSync(join(shop.scratch, "other.key"), "another key of sixteen letters\n");
    const wrong = await elsewhere.run([
      "backup",
      "connect",
      "shop",
      ...shop.place(),
      "--key-file",
      join(shop.scratch, "other.key"),
    ]);
    assert.match(wrong.stderr, /cannot be read with this key/);
    const found = backupsSchema.parse(
      await elsewhere.json("backup", "connect", "shop", ...shop.place(), "--key-file", join(shop.scratch, "shop.key")),
    );
    assert.equal(found.exists, false);
    assert.ok(found.backups.length >= 2);
    const said = await elsewhere.ok("restore", "shop", "again");
    assert.match(said, /Made again/);
    const rows = await elsewhere.ok("connect", "again", "-c", "COPY (SELECT n FROM kept ORDER BY n) TO STDOUT");
    assert.equal(rows.trim(), "1\n2\n3\n4\n5");
    // Another cluster of the same name finds the place taken, and leaves it alone.
    await elsewhere.ok("backup", "disable", "shop", "--yes");
    await elsewhere.ok("create", "shop", "--members", "1", "--engine", "system", "--version", "15");
    const before = shop.s3.objects.size;
    const foreign = await elsewhere.run([
      "backup",
      "enable",
      "shop",
      ...shop.place(),
      "--key-file",
      join(shop.scratch, "shop.key"),
      "--json",
    ]);
    assert.equal(JSON.parse(foreign.stdout || foreign.stderr).error.code, "backup-foreign");
    assert.equal(shop.s3.objects.size, before);
    // Known again, and then deleted: of a cluster that is gone there is no server to ask.
    await elsewhere.ok("destroy", "shop", "--yes");
    await elsewhere.ok("backup", "connect", "shop", ...shop.place(), "--key-file", join(shop.scratch, "shop.key"));
    for (const { label, locked_until: until } of found.backups)
      if (until !== null) await elsewhere.ok("backup", "unlock", "shop", label, "--yes");
    await elsewhere.ok("backup", "disable", "shop", "--delete-backups", "--yes");
    assert.deepEqual([...shop.s3.objects.keys()], []);
  });
});

describe("backups where something is missing", { skip }, () => {
  let installation: Installation;
  before(async () => {
    installation = await makeInstallation();
  });
  after(() => installation[Symbol.asyncDispose]());

  test("a major version that this pgBackRest does not know is refused with what to install", async () => {
    await installation.ok("create", "new", "--members", "1", "--version", "18");
    const { code, stderr } = await installation.run(["backup", "enable", "new", "--to", "/tmp/mb-none"]);
    const version = execFileSync(String(program), ["version"], { encoding: "utf8" });
    if (Number(/2\.(\d+)/.exec(version)?.[1]) >= 57) return;
    assert.equal(code, 3);
    assert.match(stderr, /is too old: Postgres 18 needs 2\.57[\s\S]*HINT/);
    assert.ok(!exists("/tmp/mb-none"));
    await installation.ok("snapshot", "create", "new");
  });

  test("a repository over SFTP, which this pgBackRest does not know, is refused before anything is written", async (t) => {
    if (Number(/2\.(\d+)/.exec(execFileSync(String(program), ["version"], { encoding: "utf8" }))?.[1]) >= 46) return;
    const scratch = mkdtempSync("/tmp/mb-");
    t.after(() => rmSync(scratch, { recursive: true }));
    const file = join(scratch, "id");
    writeFileSync(file, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", {
      mode: 0o600,
    });
    const place = ["--to", "sftp://backup@localhost/prod", "--fingerprint", "0".repeat(64), "--credentials", file];
    const { code, stderr } = await installation.run(["backup", "connect", "gone", ...place, "--no-encryption"]);
    assert.equal(code, 3);
    assert.match(stderr, /is too old: a repository over SFTP needs 2\.46 or newer[\s\S]*HINT/);
    assert.ok(!exists(join(installation.home, "backups/gone")));
  });
});
