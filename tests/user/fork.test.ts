/** Forks as a user makes them: of a cluster under load, of a snapshot whose cluster is gone, cut short in the middle. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { Client } from "pg";
import { z } from "zod";
import { releaseInCatalog } from "../../src/drivers/postgres/engine/releases.ts";
import { mountLoop } from "../../src/drivers/volume/testing.ts";
import { snapshotsSchema } from "../../src/contract/storage.ts";
import { Cluster, createCluster } from "../faults/cluster.ts";
import { makeInstallation, sharedEngines, type Installation } from "../faults/installation.ts";
import { processesIn } from "../faults/processes.ts";
import { until } from "../faults/until.ts";

const madeSchema = z.object({ uri: z.string(), epoch: z.literal(1) });

describe("fork", () => {
  test("of a cluster under load, on btrfs: what was acknowledged is in it, and nothing ties it to its source", async (t) => {
    const installation = await onBtrfs(t);
    if (typeof installation === "string") return t.skip(installation);
    const source = await createCluster(installation, "shop", "--members", "1", "--set", "max_connections=77");
    const session = await source.connect();
    await session.query("CREATE TABLE t (id int8 PRIMARY KEY)");
    await session.query("CREATE ROLE ada LOGIN PASSWORD 'hunter22'");
    await session.query("SELECT pg_catalog.pg_create_physical_replication_slot('mine', true)");
    const far = "CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, slot_name = 'far')";
    await session.query(`CREATE SUBSCRIPTION news ${far}`);
    const writer = await source.connect();
    let last = 0;
    const over = new AbortController();
    const writing = (async () => {
      while (!over.signal.aborted) {
        await writer.query("INSERT INTO t VALUES ($1)", [last + 1]);
        last += 1;
      }
    })();
    await until("some rows", () => (last > 200 ? true : undefined));
    const before = last;
    const fork = await forked(installation, "shop", "pr-1");
    const after = last;
    over.abort();
    await writing;
    const { rows } = await fork.query<{ n: number; top: number }>(
      "SELECT count(*)::int AS n, max(id)::int AS top FROM t",
    );
    assert.ok(
      rows[0] && rows[0].n === rows[0].top && rows[0].top >= before && rows[0].top <= after,
      JSON.stringify(rows),
    );
    assert.ok(after > before, "the source went on");
    assert.deepEqual((await fork.query("SHOW max_connections")).rows, [{ max_connections: "77" }]);
    assert.deepEqual((await fork.query("SELECT slot_name FROM pg_catalog.pg_replication_slots")).rows, []);
    const subscription = "SELECT subenabled, subslotname FROM pg_catalog.pg_subscription";
    assert.deepEqual((await fork.query(subscription)).rows, [{ subenabled: false, subslotname: null }]);
    await fork.query("DROP SUBSCRIPTION news");
    const identity = "SELECT system_identifier FROM pg_catalog.pg_control_system()";
    assert.notDeepEqual((await fork.query(identity)).rows, (await session.query(identity)).rows);
    const [own] = (
      await session.query("SELECT count(*)::int AS n FROM pg_catalog.pg_subscription WHERE subslotname = 'far'")
    ).rows;
    assert.deepEqual(own, { n: 1 });
    await refusesPassword(fork, "ada", "hunter22");
    for (const client of [fork, session, writer]) await client.end();
    await source.healthy();
  });

  test("of a snapshot whose cluster is gone, with a standby; it fails over like any other", async (t) => {
    const installation = await makeInstallation();
    t.after(() => installation[Symbol.asyncDispose]());
    const source = await createCluster(installation, "shop", "--members", "2");
    const session = await source.connect();
    await session.query("CREATE TABLE t AS SELECT 7 AS n");
    // Its log has been through a change of the primary.
    await installation.ok("switchover", "shop");
    await installation.ok("snapshot", "create", "shop");
    await session.end();
    await installation.ok("destroy", "shop", "--yes");
    const [snapshot] = snapshotsSchema.parse(await installation.json("snapshot", "list", "shop")).snapshots;
    const id = snapshot?.id ?? "";
    const wrong = await installation.run(["fork", "shop", "back", "--from-snapshot", `${id.slice(0, -4)}ffff`]);
    assert.equal(wrong.code, 5, wrong.stderr);
    const fork = await forked(installation, "shop", "shop", "--from-snapshot", id, "--members", "2");
    assert.deepEqual((await fork.query("SELECT n FROM t")).rows, [{ n: 7 }]);
    await fork.end();
    const back = new Cluster(installation, "shop");
    await back.healthy();
    await installation.ok("switchover", "shop");
    const status = await back.healthy();
    assert.equal(status.primary, "shop-2");
    assert.match(await installation.ok("events", "shop"), /cluster "shop" began as "shop" was at/);
    assert.equal((await installation.run(["fork", "shop", "shop"])).code, 3);
  });

  test("that the agent's death cuts short leaves nothing, and the source is as it was", async (t) => {
    const installation = await makeInstallation();
    t.after(() => installation[Symbol.asyncDispose]());
    const source = await createCluster(installation, "shop", "--members", "1");
    const forking = installation.run(["fork", "shop", "pr-1"]);
    const clusters = join(installation.home, "clusters");
    await until("the copy to begin", async () =>
      (await readdir(clusters, { recursive: true })).includes(join("pr-1", "pr-1-1")) ? true : undefined,
    );
    await installation.killAgent();
    await installation.startAgent();
    await forking;
    await until("nothing to be left", async () => ((await readdir(clusters)).join() === "shop" ? true : undefined));
    const stray = (): readonly string[] => processesIn(join(clusters, "pr-1")).map(({ command }) => command);
    assert.deepEqual(stray(), []);
    await source.healthy();
    await (await forked(installation, "shop", "pr-1")).end();
  });
});

test("fork: settings that its host cannot run with any more end the copying, and nothing is left", async (t) => {
  const engines = await mkdtemp(join(tmpdir(), "engines-"));
  t.after(() => rm(engines, { recursive: true, force: true }));
  await chmod(engines, 0o755);
  await promisify(execFile)("cp", [
    "-a",
    "--reflink=auto",
    join(sharedEngines(), releaseInCatalog(18).version),
    engines,
  ]);
  const installation = await makeInstallation({ engines });
  t.after(() => installation[Symbol.asyncDispose]());
  const library = "shared_preload_libraries=auto_explain";
  const source = await createCluster(installation, "shop", "--members", "1", "--set", library);
  const files = await readdir(engines, { recursive: true });
  for (const file of files.filter((name) => name.endsWith("/auto_explain.so"))) await rm(join(engines, file));
  const { code, stderr } = await installation.run(["fork", "shop", "pr-1"]);
  assert.equal(code, 3, stderr);
  assert.match(stderr, /auto_explain/);
  assert.deepEqual(await readdir(join(installation.home, "clusters")), ["shop"]);
  assert.deepEqual(await source.query("SELECT 1 AS one"), [{ one: 1 }]);
});

async function forked(
  installation: Installation,
  source: string,
  name: string,
  ...more: readonly string[]
): Promise<Client> {
  const { uri } = madeSchema.parse(await installation.json("fork", source, name, ...more));
  const client = new Client({ connectionString: withoutTls(uri) });
  await client.connect();
  return client;
}

/** The certificate is another test's business. */
function withoutTls(uri: string): string {
  const url = new URL(uri);
  url.search = "";
  return url.href;
}

async function refusesPassword({ host, port }: Client, user: string, password: string): Promise<void> {
  const client = new Client({ host, port, user, password, database: "postgres" });
  await assert.rejects(client.connect(), /password authentication failed/);
}

async function onBtrfs(t: TestContext): Promise<Installation | string> {
  const mounted = await mountLoop(t, "btrfs", { megabytes: 2000 });
  if (typeof mounted === "string") return mounted;
  const home = join(mounted.directory, "h");
  await mkdir(home);
  const installation = await makeInstallation({ home });
  mounted.before(() => installation[Symbol.asyncDispose]());
  return installation;
}
