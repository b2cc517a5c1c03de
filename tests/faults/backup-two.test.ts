/**
 * Two repositories, of which one is away: the other goes on receiving the log, the servers' disk does not fill, the events
 * name the one that is away, and it gets what it lacks when it is back. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { filesIn, makeShop, skip, type Shop } from "./backup-shop.ts";
import { until } from "./until.ts";

describe("backups to two repositories, one of which is away (2 members, Postgres 15 of the system)", { skip }, () => {
  let shop: Shop;
  let path: string;

  before(async () => {
    shop = await makeShop();
    path = join(shop.scratch, "second");
    mkdirSync(path);
    chmodSync(path, 0o777);
    await shop.installation.ok("backup", "enable", "shop", ...shop.place());
    await shop.installation.ok("backup", "enable", "shop", "--number", "2", "--to", path);
  });
  after(() => shop?.[Symbol.asyncDispose]());

  afterEach(() => {
    shop.s3.fault = "none";
    if (existsSync(`${path}.away`)) renameSync(`${path}.away`, path);
  });

  /** Ends a file of the log. */
  async function segment(): Promise<string> {
    await shop.write(1);
    const [row] = await shop.cluster.query("SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal()) AS name");
    return String(row?.["name"]);
  }

  const isInFirst = (name: string): boolean => [...shop.s3.objects.keys()].some((one) => one.includes(name));
  const isInSecond = (name: string): boolean => filesIn(path).some((one) => one.includes(name));

  async function arrived(name: string, isThere: (name: string) => boolean): Promise<void> {
    await until(`${name} to arrive`, () => (isThere(name) ? true : undefined), { withinMs: 90_000 });
  }

  /** Files that the primary's server keeps for its archiver. */
  async function waiting(): Promise<readonly string[]> {
    const { data_directory: directory } = await shop.cluster.primary();
    return readdirSync(join(directory, "pg_wal/archive_status")).filter((name) => name.endsWith(".ready"));
  }

  /** As each repository that answers is told to hold it. */
  async function eachUntil(): Promise<readonly (string | null)[]> {
    return (await shop.show()).repositories.map((one) => one.archived_until);
  }

  test("the storage hangs: the path goes on, also over a switchover; it is told, and filled when it is back", async () => {
    const since = await shop.cluster.lastEvent();
    shop.s3.fault = "hang";
    const names = [await segment()];
    await arrived(names[0] ?? "", isInSecond);
    names.push(await segment(), await segment());
    for (const name of names) await arrived(name, isInSecond);
    await until("nothing to wait", async () => ((await waiting()).length === 0 ? true : undefined));
    assert.deepEqual(names.map(isInFirst), [false, false, false]);
    const lost = await shop.event("backup.repository-lost", since);
    assert.equal(lost.details["repository"], 1);
    const [first, second] = await eachUntil();
    assert.ok(first === null && second, `${first} ${second}`);
    await shop.installation.ok("backup", "create", "shop", "--number", "2");
    // It is looked at once a minute.
    const inBoth = await until(
      "the status to tell of it",
      async () => (await shop.cluster.status())?.archive?.repository_until ?? undefined,
      { withinMs: 90_000 },
    );
    assert.ok(inBoth < second, "that both have");
    await shop.installation.ok("switchover", "shop");
    names.push(await segment());
    await arrived(names.at(-1) ?? "", isInSecond);
    shop.s3.fault = "none";
    await shop.event("backup.repository-back", lost.id);
    for (const name of names) await arrived(name, isInFirst);
    const after = await segment();
    await arrived(after, isInFirst);
    await arrived(after, isInSecond);
    await shop.installation.ok("backup", "verify", "shop", "--no-restore");
  });

  test("the path is gone: the storage goes on; a backup to the path begins to give it the log again", async () => {
    const since = await shop.cluster.lastEvent();
    renameSync(path, `${path}.away`);
    const name = await segment();
    await arrived(name, isInFirst);
    const lost = await shop.event("backup.repository-lost", since);
    assert.equal(lost.details["repository"], 2);
    await shop.installation.ok("backup", "create", "shop", "--number", "1");
    renameSync(`${path}.away`, path);
    await shop.installation.ok("backup", "create", "shop", "--number", "2");
    await shop.event("backup.repository-back", lost.id);
    await arrived(name, isInSecond);
    await shop.installation.ok("backup", "verify", "shop", "--no-restore");
  });

  test("both are away: the log is kept, and goes to both", async () => {
    renameSync(path, `${path}.away`);
    shop.s3.fault = "error";
    const name = await segment();
    await until("the push to fail", async () => (await shop.show()).push_problem ?? undefined, { withinMs: 90_000 });
    assert.deepEqual(await waiting(), [`${name}.ready`]);
    shop.s3.fault = "none";
    renameSync(`${path}.away`, path);
    await arrived(name, isInFirst);
    await arrived(name, isInSecond);
    await shop.installation.ok("backup", "verify", "shop", "--no-restore");
  });
});
