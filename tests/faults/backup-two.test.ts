/**
 * Two repositories, of which one is away: the other goes on receiving the log, the servers' disk does not fill, the events
 * name the one that is away, and it gets what it lacks when it is back. Both, for too long: nothing fills up either. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { ClusterEvent } from "../../src/contract/cluster.ts";
import { filesIn, makeShop, skip, type Shop } from "./backup-shop.ts";
import { until } from "./until.ts";

describe("backups to two repositories, one of which is away (2 members, Postgres 15 of the system)", { skip }, () => {
  let shop: Shop;
  let path: string;

  before(async () => {
    // A tenth of it, 512 MB at least, may wait for the repositories.
    shop = await makeShop("--volume-size", "1GB");
    // What the archive keeps is decided by the snapshot of a test alone.
    await shop.installation.ok("snapshot", "set", "shop", "--daily", "off");
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

  test("both are away for too long: the log goes on, what the host has let go is told, and backups begin behind it", async () => {
    const since = await shop.cluster.lastEvent();
    renameSync(path, `${path}.away`);
    shop.s3.fault = "error";
    const names: string[] = [];
    while (names.length < 34) names.push(await segment());
    const left = await shop.event("backup.left-behind", since);
    assert.equal(left.details["repositories"], "1, 2");
    assert.ok(Number(left.details["waiting_bytes"]) > 512 * 2 ** 20, left.message);
    await until("nothing to wait", async () => ((await waiting()).length === 0 ? true : undefined));
    // With a snapshot behind it nobody here needs it any more; a standby's would begin with its last restartpoint.
    const { id } = await shop.cluster.primary();
    await shop.installation.ok("snapshot", "create", "shop", "--member", id);
    const archive = join(shop.installation.home, "archives/shop");
    const kept = (): readonly string[] => filesIn(archive).map((file) => file.slice(-24));
    const [first = ""] = names;
    const isLetGo = (): boolean => names.every((name) => !kept().includes(name));
    await until("the archive to let go", () => (isLetGo() ? true : undefined), { withinMs: 150_000 });
    shop.s3.fault = "none";
    renameSync(`${path}.away`, path);
    const events = async (type: string): Promise<readonly ClusterEvent[]> =>
      (await shop.cluster.events()).filter((event) => event.id > left.id && event.type === type);
    let told: readonly ClusterEvent[] = [];
    const seen = (): string => told.map(({ type, message }) => `${type}: ${message}`).join("\n");
    const ofBoth = (type: string): Promise<readonly ClusterEvent[]> =>
      until(
        `${type} of both`,
        async () => {
          told = await shop.cluster.events();
          const found = await events(type);
          return new Set(found.map(({ details }) => details["repository"])).size === 2 ? found : undefined;
        },
        { withinMs: 240_000, seen },
      );
    const gaps = await ofBoth("backup.gap");
    assert.deepEqual(
      gaps.map(({ details }) => details["first"]),
      [first, first],
    );
    await ofBoth("backup.taken");
    const after = await segment();
    await arrived(after, isInFirst);
    await arrived(after, isInSecond);
    assert.equal((await events("archive.given-up")).length, 0, "the archive on the host went on");
    await shop.installation.ok("restore", "shop", "late", "--from-repository");
    const count = async (name: string): Promise<string> =>
      (await shop.installation.ok("connect", name, "-c", "COPY (SELECT count(*) FROM kept) TO STDOUT")).trim();
    assert.equal(await count("late"), await count("shop"));
    assert.equal((await events("backup.gap")).length, 2, "told once");
  });
});
