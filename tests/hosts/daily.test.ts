/**
 * The commands of every day over several hosts, each asked of a host that is not the primary's: settings, restarts, size,
 * libraries, a newer minor version, databases from elsewhere, copies. What it comes to is read from every member's own
 * server. Not in every run of CI; what breaks meanwhile is in stories/planned.ts.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Client, type ClientConfig } from "pg";
import { clusterStatusSchema, operationSchema, type ClusterStatus } from "../../src/contract/cluster.ts";
import { extensionListSchema } from "../../src/contract/extensions.ts";
import { importStatusSchema } from "../../src/contract/imports.ts";
import { settingsReportSchema, type Setting } from "../../src/contract/settings.ts";
import { versionReportSchema } from "../../src/contract/upgrade.ts";
import { until } from "../faults/until.ts";
import { SourceServer, sourceEngine } from "../import/source-server.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { clientName, Lab } from "./lab/lab.ts";
import { fetchVersions, newestVersion, olderVersion } from "./lab/versions.ts";

const engine = await sourceEngine();
const noSource = engine === undefined ? "no Postgres of the distribution is installed" : false;

describe("daily commands over several hosts", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let cluster: LabCluster;
  let source: SourceServer | undefined;

  before(
    async () => {
      await fetchVersions();
      lab = await Lab.make();
      cluster = await LabCluster.create(lab, "shop", "--version", olderVersion);
      const place = { inside: lab.client, address: lab.network.address(clientName) };
      if (engine) source = await SourceServer.start(engine, {}, place);
    },
    { timeout: 180_000 },
  );
  after(
    async () => {
      await source?.[Symbol.asyncDispose]();
      await lab?.[Symbol.asyncDispose]();
    },
    { timeout: 60_000 },
  );

  /** A host without the primary. */
  async function elsewhere(): Promise<Host> {
    const [host] = await cluster.standbys();
    assert.ok(host);
    return host;
  }

  async function ask(target: ClientConfig, sql: string): Promise<readonly unknown[]> {
    const client = new Client({ connectionTimeoutMillis: 10_000, ...target });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows.map((row) => Object.values(row)[0]);
    } finally {
      await client.end();
    }
  }

  /** As each member's own server says. */
  async function onEach(sql: string, database = "postgres"): Promise<readonly unknown[]> {
    const { members } = await cluster.healthy();
    const answers = members.map((member) => ask({ ...cluster.direct(member), database }, sql));
    return (await Promise.all(answers)).map(([first]) => first);
  }

  async function pids(): Promise<readonly (number | null)[]> {
    return (await cluster.healthy()).members.map(({ pid }) => pid);
  }

  /** As every host tells it: the same by all. */
  async function setting(name: string): Promise<Setting> {
    const reports = await Promise.all(
      lab.hosts.map(async (host) => settingsReportSchema.parse(await host.json("config", "show", "shop", name))),
    );
    const [first, ...others] = reports.map(({ settings }) => settings[0]);
    assert.ok(first);
    for (const other of others) assert.deepEqual({ ...other, differs: [] }, { ...first, differs: [] });
    return first;
  }

  test("a setting that is in force at once: on every member, without a restart", async () => {
    const before = await pids();
    const said = await (await elsewhere()).ok("config", "set", "shop", "work_mem=7MB");
    assert.match(said, /in force on shop-1, shop-2, shop-3/);
    assert.deepEqual(await onEach("SHOW work_mem"), ["7MB", "7MB", "7MB"]);
    assert.deepEqual(await pids(), before);
    const { source: by, value } = await setting("work_mem");
    assert.deepEqual([by, value], ["user", "7 MB"]);
  });

  test("one that needs a restart: left pending, finished from another host, and taken back with its restart", async () => {
    const before = await pids();
    await (await elsewhere()).ok("config", "set", "shop", "max_connections=150", "--no-restart");
    assert.deepEqual((await setting("max_connections")).pending?.members, ["shop-1", "shop-2", "shop-3"]);
    assert.deepEqual(await pids(), before);
    await (await elsewhere()).ok("restart", "shop", "--pending");
    assert.deepEqual(await onEach("SHOW max_connections"), ["150", "150", "150"]);
    await (await elsewhere()).ok("config", "set", "shop", "max_connections=300", "--restart");
    assert.deepEqual(await onEach("SHOW max_connections"), ["300", "300", "300"]);
    await (await elsewhere()).ok("config", "unset", "shop", "max_connections", "--restart");
    assert.equal((await setting("max_connections")).source, "computed");
  });

  test("one that a host's engine refuses is refused by all, and nothing is changed", async () => {
    const host = await elsewhere();
    const ran = await host.matriarch(["config", "set", "shop", "work_mem=1", "max_connections=many"]);
    assert.equal(ran.code, 3, ran.stdout + ran.stderr);
    assert.match(ran.stderr, /max_connections.*many/);
    assert.deepEqual(await onEach("SHOW work_mem"), ["7MB", "7MB", "7MB"]);
  });

  test("a rolling restart: every server is another one, and there is a primary", async () => {
    const before = await pids();
    await (await elsewhere()).ok("restart", "shop");
    const after = await pids();
    assert.deepEqual(
      after.filter((pid) => pid === null || before.includes(pid)),
      [],
    );
  });

  test("more memory for each member: computed settings follow on all of them, the user's own stay", async () => {
    await (await elsewhere()).ok("scale", "shop", "--memory", "512MB", "--cpus", "1", "--restart", "--no-limit");
    const small = await onEach("SHOW shared_buffers");
    await (await elsewhere()).ok("scale", "shop", "--memory", "1GB", "--restart", "--no-limit");
    const large = await onEach("SHOW shared_buffers");
    assert.deepEqual([small, large], [Array(3).fill("51MB"), Array(3).fill("256MB")]);
    assert.deepEqual(await onEach("SHOW work_mem"), ["7MB", "7MB", "7MB"]);
    const status = clusterStatusSchema.parse(await (await elsewhere()).json("status", "shop"));
    assert.deepEqual(
      status.members.map(({ resources }) => resources?.memory_bytes),
      Array(3).fill(2 ** 30),
    );
  });

  test("a library that is loaded at the start: on all hosts, with the restart that it needs", async () => {
    const host = await elsewhere();
    const enable = ["extension", "enable", "shop", "auth_delay"];
    const refused = await host.matriarch(enable);
    assert.equal(refused.code, 3, refused.stdout + refused.stderr);
    assert.match(refused.stderr, /must be restarted for it(.*\n)*HINT.*--restart/);
    await host.ok(...enable, "--restart");
    assert.deepEqual(await onEach("SHOW auth_delay.milliseconds"), ["0", "0", "0"]);
    for (const by of lab.hosts) {
      const { preloaded } = extensionListSchema.parse(await by.json("extension", "list", "shop"));
      assert.deepEqual(
        preloaded.find(({ library }) => library === "auth_delay"),
        { library: "auth_delay", not_on: [] },
      );
    }
  });

  test("a newer minor version: every member runs it, as every host tells", async () => {
    await (await elsewhere()).ok("upgrade", "shop", "--to", newestVersion);
    for (const host of lab.hosts) {
      const { members } = versionReportSchema.parse(await host.json("version", "shop"));
      assert.deepEqual(
        members.map(({ running }) => running),
        Array(3).fill(newestVersion),
      );
    }
    assert.deepEqual(await onEach("SHOW work_mem"), ["7MB", "7MB", "7MB"]);
  });

  test("a database from elsewhere: copied, and on every member", { skip: noSource }, async () => {
    assert.ok(source);
    await source.sql("postgres", "CREATE DATABASE plain");
    await source.sql("plain", "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 1000)");
    const ran = await (await elsewhere()).matriarch(["import", "shop", "-"], { input: source.uri("plain") });
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    await until("it on every member", async () => {
      const counts = await onEach("SELECT count(*)::int FROM t", "plain").catch(() => []);
      return counts.length === 3 && counts.every((count) => count === 1000) ? true : undefined;
    });
  });

  test(
    "one that is followed: through a switchover, until the cutover asked of another host",
    { skip: noSource },
    async () => {
      assert.ok(source);
      await source.sql("postgres", "CREATE DATABASE busy");
      await source.sql("busy", "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 1000)");
      const ran = await (await elsewhere()).matriarch(["import", "shop", "-", "--live"], { input: source.uri("busy") });
      assert.equal(ran.code, 0, ran.stdout + ran.stderr);
      await followed();
      await source.sql("busy", "INSERT INTO t SELECT generate_series(1001, 1500)");
      await (await elsewhere()).ok("switchover", "shop", "--yes");
      await followed();
      await source.sql("busy", "INSERT INTO t SELECT generate_series(1501, 2000)");
      const cut = operationSchema.parse(await (await elsewhere()).json("import", "cutover", "shop", "--lock-source"));
      process.stderr.write(`cutover over hosts: writes paused for ${String(cut.result?.["pause_ms"])} ms\n`);
      await assert.rejects(source.sql("busy", "INSERT INTO t VALUES (0)"), /read-only transaction/);
      assert.deepEqual(await source.sql("busy", "SELECT slot_name FROM pg_replication_slots"), []);
      for (const host of lab.hosts) {
        assert.match(await host.ok("connect", "shop", "--database", "busy", "-c", "SELECT count(*) FROM t"), /2000/);
      }
    },
  );

  /** As every host tells it. */
  async function followed(): Promise<void> {
    let seen: unknown;
    await until(
      "the import to follow",
      async () => {
        const told = await Promise.all(lab.hosts.map((host) => host.matriarch(["import", "status", "shop", "--json"])));
        seen = told.map(({ stdout, stderr }) => stdout + stderr);
        return told.every(({ code, stdout }) => code === 0 && isFollowing(stdout)) ? true : undefined;
      },
      { withinMs: 60_000, seen: () => JSON.stringify(seen) },
    );
  }

  test("a fork of three members: on three hosts, with the settings and the data of its source", async () => {
    const host = await elsewhere();
    await host.ok("fork", "shop", "copy", "--members", "3");
    const { members } = await until("the fork to be healthy", async (): Promise<ClusterStatus | undefined> => {
      const status = clusterStatusSchema.parse(await host.json("status", "copy"));
      return status.state === "healthy" ? status : undefined;
    });
    assert.equal(new Set(members.map((member) => member.host)).size, 3);
    assert.match(await host.ok("connect", "copy", "-c", "SHOW work_mem"), /7MB/);
    await host.ok("destroy", "copy", "--yes");
    await cluster.healthy();
  });
});

function isFollowing(text: string): boolean {
  const [found] = importStatusSchema.array().parse(JSON.parse(text));
  return found?.state === "following";
}
