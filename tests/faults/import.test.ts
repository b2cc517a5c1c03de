/** An import whose cluster breaks under it: ended with what was wrong, and taken away once there is a primary again. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { operationSchema, type Operation } from "../../src/contract/cluster.ts";
import { SourceServer, sourceEngine } from "../import/source-server.ts";
import { createCluster, type Cluster } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { until } from "./until.ts";

const engine = await sourceEngine();
const skip = engine === undefined ? "no Postgres of the distribution is installed" : false;

/** Its first row is not let into a cluster before the file `flag` is there. */
async function makeSource(t: TestContext, flag: string): Promise<SourceServer> {
  assert.ok(engine);
  const source = await SourceServer.start(engine);
  t.after(() => source[Symbol.asyncDispose]());
  await source.sql(
    "postgres",
    `CREATE FUNCTION waits() RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$BEGIN
       WHILE current_setting('port') <> '${source.port}' AND (pg_stat_file('${flag}', true)).size IS NULL LOOP
         PERFORM pg_sleep(0.05); END LOOP;
       RETURN true; END$$`,
    "CREATE TABLE big (v int CHECK (v <> 1 OR waits()), t text)",
    "INSERT INTO big SELECT v, repeat('x', 1000) FROM generate_series(1, 60000) AS v",
  );
  return source;
}

async function begin(installation: Installation, source: SourceServer): Promise<() => Promise<Operation>> {
  const ran = await installation.run(["import", "shop", "-", "--database", "moved", "--detach", "--json"], {
    input: source.uri("postgres"),
  });
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  const { id } = operationSchema.parse(JSON.parse(ran.stdout));
  const look = async () => operationSchema.parse(await installation.api(`/v1/operations/${id}`));
  await until("the copy to be under way", async () => (await look()).step.startsWith("copying") || undefined);
  return look;
}

async function ended(look: () => Promise<Operation>): Promise<Operation> {
  let seen: unknown;
  return until(
    "the import to end",
    async () => {
      const operation = await look().catch(() => undefined);
      seen = operation;
      return operation?.state === "running" ? undefined : operation;
    },
    { withinMs: 90_000, seen: () => JSON.stringify(seen) },
  );
}

async function assertGone(installation: Installation, cluster: Cluster): Promise<void> {
  assert.equal(await installation.ok("import", "status", "shop"), 'no import is under way in cluster "shop"\n');
  assert.deepEqual(await cluster.query("SELECT datname FROM pg_database WHERE datname = 'moved'"), []);
  assert.deepEqual(await cluster.query("SELECT rolname FROM pg_roles WHERE rolname = 'matriarch_import'"), []);
}

describe("an import, and its cluster breaks", { skip }, () => {
  test("the primary is lost in the middle of the copy", async (t) => {
    await using installation = await makeInstallation();
    const cluster = await createCluster(installation, "shop");
    const look = await begin(installation, await makeSource(t, join(installation.home, "flag")));
    const { pid } = await cluster.primary();
    await endAll([pid]);
    const { state, error } = await ended(look);
    assert.equal(state, "failed");
    assert.match(error?.message ?? "", /table "big" could not be copied: .*(connection|postmaster)/);
    assert.match(error?.detail ?? "", /The primary was lost.*\nWhat it had made is gone/s);
    await cluster.healthy();
    await assertGone(installation, cluster);
  });

  // With little left a table's file cannot grow; with more it is the log, and the server ends of that.
  for (const leftMib of [1, 20])
    test(`the disk runs full in the middle of the copy, ${leftMib} MiB left`, (t) => full(t, leftMib));

  async function full(t: TestContext, leftMib: number): Promise<void> {
    if (process.getuid?.() !== 0) return t.skip("only root can mount a small file system");
    const mount = await mkdtemp("/tmp/mf-");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=700m", "tmpfs", mount]);
    t.after(async () => {
      execFileSync("umount", [mount]);
      await rm(mount, { recursive: true, force: true });
    });
    await chmod(mount, 0o755);
    await using installation = await makeInstallation({ home: join(mount, "h") });
    const cluster = await createCluster(installation, "shop", "--members", "1");
    const look = await begin(installation, await makeSource(t, join(mount, "flag")));
    const filler = join(mount, "filler");
    const { bavail, bsize } = await statfs(mount);
    execFileSync("fallocate", ["-l", String(bavail * bsize - leftMib * 2 ** 20), filler]);
    await writeFile(join(mount, "flag"), "");
    await until("the copy to fail", async () => ((await look()).step.startsWith("copying") ? undefined : true));
    await rm(filler);
    const { state, error } = await ended(look);
    assert.equal(state, "failed");
    assert.match(`${error?.message} ${error?.detail}`, /No space left on device/);
    assert.match(error?.detail ?? "", /What it had made is gone/);
    await cluster.healthy();
    await assertGone(installation, cluster);
  }
});
