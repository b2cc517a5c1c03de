/**
 * A newer minor version of Postgres as a user takes it: an older package of the registry to the one that this release
 * was tested with, under a writing client; what is refused; a version that does not start, and the way back.
 */
import assert from "node:assert/strict";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { downtimeSchema, type Downtime } from "../../src/contract/downtime.ts";
import { snapshotsSchema } from "../../src/contract/storage.ts";
import { upgradePlanSchema, versionReportSchema } from "../../src/contract/upgrade.ts";
import { ensureEmbeddedEngine } from "../../src/drivers/postgres/engine/embedded.ts";
import { embeddedPackage, releaseInCatalog } from "../../src/drivers/postgres/engine/releases.ts";
import { createCluster, tell, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation, type Ran } from "../faults/installation.ts";

const older = "18.3";
const { version: newest } = releaseInCatalog(18);
/** Installed like any other, and its server ends at once. */
const unfit = "18.99";

describe("a newer minor version (3 members, quorum)", () => {
  let installation: Installation;
  let cluster: Cluster;
  /** of these tests alone: copies that others make meanwhile must not find what is broken here */
  let engines: string;

  before(async () => {
    engines = await mkdtemp("/tmp/mfe-");
    await chmod(engines, 0o755);
    for (const version of [older, newest]) await link(version);
    await makeUnfit();
    installation = await makeInstallation({ engines });
    cluster = await createCluster(installation, "shop", "--version", older, "--set", "max_prepared_transactions=4");
  });
  after(async () => {
    await installation[Symbol.asyncDispose]();
    await rm(engines, { recursive: true, force: true });
  });

  /** Installed by this process where all tests have it, for it reaches the registry as the user has set it up. */
  async function link(version: string): Promise<void> {
    const { binDirectory } = await ensureEmbeddedEngine(tmpdir(), 18, {
      signal: AbortSignal.timeout(120_000),
      version,
    });
    const shared = join(binDirectory, "../../../../..");
    await symlink(shared, join(engines, version));
  }

  /** The newest package, but for its server. */
  async function makeUnfit(): Promise<void> {
    const source = join(engines, newest, "node_modules", embeddedPackage(18));
    const target = join(engines, unfit, "node_modules", embeddedPackage(18));
    await mkdir(join(target, "native/bin"), { recursive: true });
    const manifest = await readFile(join(source, "package.json"), "utf8");
    await writeFile(join(target, "package.json"), manifest.replace(/"version": *"[^"]+"/, `"version": "${unfit}.0"`));
    for (const part of ["lib", "share"]) await symlink(join(source, "native", part), join(target, "native", part));
    await cp(join(source, "native/bin/initdb"), join(target, "native/bin/initdb"));
    const server = join(target, "native/bin/postgres");
    await writeFile(
      server,
      '#!/bin/sh\n[ "$1" = --version ] && exec echo "postgres (PostgreSQL) 18.99"\necho "FATAL:  no luck today" >&2\nexit 1\n',
    );
    await chmod(server, 0o755);
  }

  async function refused(code: number, pattern: RegExp, ...args: readonly string[]): Promise<Ran> {
    const ran = await installation.run(args);
    assert.equal(ran.code, code, `${args.join(" ")}: ${ran.stdout}\n${ran.stderr}`);
    assert.match(ran.stderr, pattern);
    return ran;
  }

  async function running(): Promise<readonly (string | null)[]> {
    const report = versionReportSchema.parse(await installation.json("version", "shop"));
    return report.members.map((member) => member.running);
  }

  const downtime = async (): Promise<Downtime> =>
    downtimeSchema.parse(await installation.json("events", "shop", "--downtime"));

  test("what is newer is told, without the network, and who runs what", async () => {
    const report = versionReportSchema.parse(await installation.json("version", "shop"));
    assert.deepEqual([report.newest_in_registry, report.is_behind, report.major], [null, true, 18]);
    assert.deepEqual(await running(), [older, older, older]);
    const status = await cluster.healthy();
    assert.equal(status.version, older);
    assert.match(await installation.ok("status", "shop"), /is there: matriarch upgrade shop/);
  });

  test("refused: older, another major, no version, an unknown cluster; nothing is changed", async () => {
    await refused(3, /runs Postgres 18\.3; 18\.2 is older/, "upgrade", "shop", "--to", "18.2");
    await refused(3, /another major version.*\n.*\n.*create shop-new --version 17/, "upgrade", "shop", "--to", "17.10");
    await refused(3, /HINT: {2}Clusters here are of Postgres 14, 15, 16, 17, 18\.\n$/, "upgrade", "shop", "--to", "19");
    await refused(3, /not a version of Postgres/, "upgrade", "shop", "--to", "18.4'; rm -rf /");
    await refused(5, /does not exist/, "upgrade", "nosuch");
    await refused(2, /from 14 to 18/, "create", "other", "--version", "9.6");
    assert.deepEqual(await running(), [older, older, older]);
  });

  test("its copies run what it runs, whatever newer is installed; where that is not, the copy says so", async () => {
    await installation.ok("snapshot", "create", "shop");
    const [snapshot] = snapshotsSchema.parse(await installation.json("snapshot", "list", "shop")).snapshots;
    await installation.ok("fork", "shop", "copy");
    const copy = versionReportSchema.parse(await installation.json("version", "copy"));
    assert.deepEqual(
      copy.members.map((member) => member.running),
      [older],
    );
    await installation.ok("destroy", "copy", "--yes");
    assert.match(await installation.ok("backup", "verify", "shop"), /restored|whole|proved|passed/);
    const description = join(installation.home, "snapshots/shop", `${snapshot?.id}.json`);
    const text = await readFile(description, "utf8");
    await writeFile(description, text.replace(`"version": "${older}"`, '"version": "18.0"'));
    const told = await installation.run(["fork", "shop", "copy", "--from-snapshot", snapshot?.id ?? ""]);
    assert.equal(told.code, 0, told.stderr);
    assert.match(told.stderr, new RegExp(`Postgres ${newest}: 18.0, on which its source ran, is not installed here`));
    await installation.ok("destroy", "copy", "--yes");
    await installation.ok("snapshot", "delete", "shop", snapshot?.id ?? "", "--yes");
  });

  test("in the way: a prepared transaction is named with what ends it, and the dry run tells the turns", async () => {
    await cluster.query("BEGIN; CREATE TABLE half (id int); PREPARE TRANSACTION 'o''clock'");
    const blocked = await refused(
      3,
      /transaction "o'clock" of "postgres" in database "postgres" is prepared/,
      "upgrade",
      "shop",
      "--to",
      newest,
    );
    assert.match(blocked.stderr, /Nothing was changed/);
    const dry = await installation.run(["upgrade", "shop", "--to", newest, "--dry-run", "--json"]);
    const plan = upgradePlanSchema.parse(JSON.parse(dry.stdout));
    assert.deepEqual([dry.code, plan.problems.length, plan.to], [3, 1, newest]);
    assert.deepEqual(
      plan.turns.map(({ how }) => how),
      ["restart", "restart", "switchover"],
    );
    await cluster.query("ROLLBACK PREPARED 'o''clock'");
  });

  test("upgrade under a writing client: every member runs it, nothing acknowledged is lost, one pause is kept", async () => {
    const since = await cluster.lastEvent();
    const verdict = await cluster.story(async (writer) => {
      await installation.ok("upgrade", "shop", "--to", newest);
      await writer.acknowledged(50, 30_000);
    });
    tell("upgrade", verdict);
    assert.deepEqual(await running(), [newest, newest, newest]);
    const done = await cluster.event("upgrade.done", since);
    assert.match(done.message, new RegExp(`run Postgres ${newest}`));
    const { pauses, paused_ms: pausedMs, availability_percent: available } = await downtime();
    assert.deepEqual(
      pauses.map(({ why, to }) => [why, to !== null]),
      [["upgrade", true]],
    );
    assert.ok(pausedMs > 0 && pausedMs < 30_000 && (available ?? 0) < 100, JSON.stringify({ pausedMs, available }));
    assert.match(await installation.ok("upgrade", "shop", "--to", newest), /already/);
  });

  test("a version that does not start: the first standby is put back by itself, nobody else is touched", async () => {
    const before = await cluster.healthy();
    const ran = await refused(
      1,
      /does not start on Postgres 18\.99.*no luck today.*put back on/,
      "upgrade",
      "shop",
      "--to",
      unfit,
    );
    assert.match(ran.stderr, /were left as before/);
    const after = await cluster.healthy();
    assert.deepEqual([after.primary, after.epoch], [before.primary, before.epoch]);
    assert.deepEqual(await running(), [newest, newest, newest]);
    assert.equal((await downtime()).pauses.length, 1);
    assert.match(await installation.ok("restart", "shop", "--member", "shop-3"), /shop-3 restarted/);
    assert.deepEqual(await running(), [newest, newest, newest]);
  });
});
