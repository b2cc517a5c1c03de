/** Live imports as a user meets them: a copy that follows its source, through a failover here, until the cutover. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { importChecksSchema, importStatusSchema, type ImportStatus } from "../../src/contract/imports.ts";
import { operationSchema } from "../../src/contract/cluster.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { endAll, makeInstallation, type Installation, type Ran } from "../faults/installation.ts";
import { until } from "../faults/until.ts";
import { data, questions, richDatabase, roles, schema } from "../import/rich.ts";
import { SourceServer, sourceEngine } from "../import/source-server.ts";

const engine = await sourceEngine();
const skip = engine === undefined ? "no Postgres of the distribution is installed" : false;

describe("import --live", { skip }, () => {
  let installation: Installation;
  let cluster: Cluster;
  let source: SourceServer;

  before(async () => {
    if (!engine) return;
    [installation, source] = await Promise.all([makeInstallation(), SourceServer.start(engine)]);
    cluster = await createCluster(installation, "shop", "--members", "3");
    await source.sql(
      "postgres",
      ...roles,
      `CREATE DATABASE "${richDatabase.replaceAll('"', '""')}"`,
      "CREATE DATABASE plain",
    );
    await source.sql(
      richDatabase,
      ...schema,
      ...data,
      "CREATE TABLE no_key (v int)",
      "INSERT INTO no_key VALUES (1), (2)",
    );
    await source.sql("plain", "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 100)");
  });
  after(async () => {
    await source?.[Symbol.asyncDispose]();
    await installation?.[Symbol.asyncDispose]();
  });

  const start = (from: string, database: string, ...more: readonly string[]): Promise<Ran> =>
    installation.run(["import", "shop", "-", "--live", "--database", database, ...more], { input: source.uri(from) });
  const statuses = async (): Promise<readonly ImportStatus[]> =>
    importStatusSchema.array().parse(await installation.json("import", "status", "shop"));
  const reached = (state: ImportStatus["state"], withinMs = 60_000): Promise<ImportStatus> => {
    let seen: unknown;
    return until(
      `the import to be ${state}`,
      async () => {
        const ran = await installation.run(["import", "status", "shop", "--json"]);
        seen = ran.stdout + ran.stderr;
        const [found] = ran.code === 0 ? importStatusSchema.array().parse(JSON.parse(ran.stdout)) : [];
        return found?.state === state ? found : undefined;
      },
      { withinMs, seen: () => String(seen) },
    );
  };
  const atSource = async (): Promise<unknown> =>
    (
      await source.sql(
        richDatabase,
        `SELECT (SELECT count(*)::int FROM pg_replication_slots) AS slots, (SELECT count(*)::int FROM pg_publication) AS publications,
           (SELECT relreplident FROM pg_class WHERE relname = 'no_key') AS identity`,
      )
    )[0];

  test("what is missing for it is said before anything is changed", async () => {
    const ran = await start(richDatabase, "moved", "--check", "--json");
    assert.equal(ran.code, 3);
    const failed = importChecksSchema
      .parse(JSON.parse(ran.stdout))
      .checks.filter(({ outcome }) => outcome === "failed");
    assert.deepEqual(
      failed.map(({ name }) => name),
      ["keys"],
    );
    assert.match(failed[0]?.text ?? "", /no_key/);
    assert.deepEqual(await atSource(), { slots: 0, publications: 0, identity: "d" });
    for (const verb of ["cutover", "abandon"]) {
      const refused = await installation.run(["import", verb, "shop", "--yes"]);
      assert.equal(refused.code, 3);
      assert.match(refused.stderr, /no import is under way/);
    }
  });

  test("it follows through a failover, and the cutover finds everything", async () => {
    const ran = await start(richDatabase, "moved", "--replica-identity-full");
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    await reached("following");
    const writer = await source.connect(richDatabase);
    let written = 0;
    let isOver = false;
    const writes = new AbortController();
    let toOpen: unknown;
    const writing = (async () => {
      while (!writes.signal.aborted) {
        await writer.query("INSERT INTO customers (name) VALUES ($1)", [`late ${written}`]).catch(() => writes.abort());
        await writer.query("UPDATE no_key SET v = v + 1 WHERE v > 0").catch(() => undefined);
        await writer
          .query(`DELETE FROM "My Schema"."Order ""Lines""" WHERE "Line No" = $1`, [written + 1])
          .catch(() => undefined);
        written += 1;
        // Until the failover as fast as it can: what waits in its socket is what a server without a postmaster goes on
        // to confirm. Then slower: what is measured is the pause, not how a backlog is worked off.
        if (isOver) await sleep(10);
      }
    })();
    try {
      await until("writes at the source", () => written > 50 || undefined);
      const { pid } = await cluster.primary();
      await endAll([pid]);
      await until("a new primary", async () => {
        const now = await cluster.status();
        return now?.primary && now.members.some(({ id, pid: other }) => id === now.primary && other !== pid)
          ? true
          : undefined;
      });
      isOver = true;
      await reached("following");
      const more = written;
      await until("more writes", () => written > more + 50 || undefined);
      const open = await installation.run(["import", "cutover", "shop", "--wait", "2s"]);
      assert.equal(open.code, 3, open.stdout + open.stderr);
      assert.match(open.stderr, /still written to/);
      const cut = await installation.run(["import", "--cutover", "shop", "--lock-source", "--json"]);
      assert.equal(cut.code, 0, cut.stdout + cut.stderr);
      const { result } = operationSchema.parse(JSON.parse(cut.stdout));
      toOpen = result?.["source_is"];
      process.stderr.write(`cutover with lock: writes paused for ${String(result?.["pause_ms"])} ms\n`);
      assert.equal(result?.["large_objects"], 2);
    } finally {
      writes.abort();
      await writing;
      await writer.end().catch(() => undefined);
    }
    await assert.rejects(source.sql(richDatabase, "INSERT INTO no_key VALUES (7)"), /read-only transaction/);
    // As a person would: what was told, in one go, in the database that is locked.
    await source.sql(richDatabase, String(toOpen).replace("read-only; to open it again: ", ""));
    assert.match(String(toOpen), /ALTER DATABASE "Old ""Shop""" RESET default_transaction_read_only/);
    const there = await source.connect(richDatabase);
    const here = await cluster.connect({ ...cluster.target(), database: "moved" });
    try {
      for (const question of [...questions, "SELECT count(*), sum(v) FROM no_key"]) {
        // A view of the source's that nobody refreshed there is newer here.
        if (question.includes("by_mood")) await there.query("REFRESH MATERIALIZED VIEW by_mood");
        assert.deepEqual((await here.query(question)).rows, (await there.query(question)).rows, question);
      }
    } finally {
      await there.end();
      await here.end();
    }
    assert.deepEqual(await atSource(), { slots: 0, publications: 0, identity: "d" });
    assert.deepEqual(await statuses(), []);
  });

  const isLocked = async (): Promise<boolean> => {
    const [row] = await source.sql(
      "postgres",
      "SELECT count(*)::int AS n FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = 'plain'",
    );
    return row?.["n"] === 1;
  };
  const settled = () =>
    until("the cutover to be settled", async () =>
      (await cluster.events()).findLast(({ type }) => type === "import.cutover-settled"),
    );
  /** A cutover of "plain" that waits for what `hold` holds; then its agent dies. */
  async function dieInCutover(hold: string, isReached: () => Promise<boolean>): Promise<void> {
    const holder = await source.connect("plain");
    try {
      // Under this name it is not among the sessions that a cutover ends.
      for (const sql of ["SET application_name = 'matriarch import'", "BEGIN", hold]) await holder.query(sql);
      const command = installation.begin(["import", "cutover", "shop", "--lock-source"]);
      await until("the cutover to wait", async () => (await isReached()) || undefined);
      // First, for it would start the next agent.
      command.kill("SIGKILL");
      await installation.killAgent();
      assert.ok(await isLocked());
    } finally {
      await holder.end();
    }
    await installation.startAgent();
  }

  test("the agent dies while the source is locked: the next one opens it again, and it goes on following", async () => {
    assert.equal((await start("plain", "plain")).code, 0);
    await reached("following");
    await dieInCutover("INSERT INTO t VALUES (0)", isLocked);
    assert.match((await settled()).message, /was cut short; it goes on following, and .*\/plain takes writes again/);
    assert.equal(await isLocked(), false);
    await source.sql("plain", "INSERT INTO t VALUES (101)");
    await reached("following");
  });

  test("the agent dies at the end of a cutover: the next one ends it, and the source stays read-only", async () => {
    const before = (await settled()).id;
    await dieInCutover("LOCK TABLE pg_publication IN SHARE MODE", async () => {
      const rows = await cluster.query("SELECT subname FROM pg_subscription WHERE subenabled");
      return rows.length === 0;
    });
    await until("the end", async () => (await settled()).id > before || undefined);
    assert.match((await settled()).message, /is over now; .*\/plain stays read-only/);
    assert.deepEqual(await statuses(), []);
    assert.ok(await isLocked());
    assert.deepEqual(await source.sql("plain", "SELECT slot_name FROM pg_replication_slots"), []);
    assert.deepEqual(await source.sql("plain", "SELECT pubname FROM pg_publication"), []);
    const here = await cluster.connect({ ...cluster.target(), database: "plain" });
    assert.deepEqual((await here.query("SELECT count(*)::int AS n FROM t")).rows, [{ n: 101 }]);
    await here.end();
    await source.sql("postgres", "ALTER DATABASE plain RESET default_transaction_read_only");
    await installation.ok("database", "drop", "shop", "plain", "--yes");
  });

  test("given up: nothing is left here or at the source", async () => {
    assert.equal((await start("plain", "plain")).code, 0);
    await reached("following");
    assert.match(await installation.ok("import", "abandon", "shop", "--yes"), /done/);
    assert.deepEqual(await source.sql("plain", "SELECT slot_name FROM pg_replication_slots"), []);
    assert.deepEqual(await source.sql("plain", "SELECT pubname FROM pg_publication"), []);
    assert.deepEqual(await statuses(), []);
    assert.deepEqual(await cluster.query("SELECT datname FROM pg_database WHERE datname = 'plain'"), []);
  });

  test("given up while the source is away: what to type there is said", async () => {
    assert.equal((await start("plain", "plain")).code, 0);
    await reached("following");
    await source.stop();
    await reached("stuck");
    const ran = await installation.run(["import", "abandon", "shop", "--yes"]);
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    const byHand = /left at the source: (SELECT pg_drop_replication_slot.*)$/m.exec(ran.stdout)?.[1] ?? "";
    assert.deepEqual(await statuses(), []);
    await source.startAgain();
    for (const statement of byHand.split("; ")) await source.sql("plain", statement);
    assert.deepEqual(await source.sql("plain", "SELECT slot_name FROM pg_replication_slots"), []);
    assert.deepEqual(await source.sql("plain", "SELECT pubname FROM pg_publication"), []);
  });

  test("given up while there is no primary: the source is left at once, the rest follows", async () => {
    assert.equal((await start("plain", "plain")).code, 0);
    await reached("following");
    const { pid } = await cluster.primary();
    await installation.ok("pause", "shop", "--for", "5m");
    await endAll([pid]);
    await cluster.until("without a primary", ({ primary }) => primary === null);
    const refused = await installation.run(["import", "abandon", "shop", "--database", "plain", "--yes"]);
    assert.equal(refused.code, 1, refused.stdout + refused.stderr);
    assert.match(refused.stderr, /has no primary(.*\n)*.*The source is as it was before/);
    assert.deepEqual(await source.sql("plain", "SELECT slot_name FROM pg_replication_slots"), []);
    await installation.ok("resume", "shop");
    await cluster.healthy();
    await installation.ok("import", "abandon", "shop", "--yes");
    assert.deepEqual(await statuses(), []);
  });

  test("a fork leaves the source alone, and a cluster that is destroyed leaves it clean", async () => {
    assert.equal((await start("plain", "plain")).code, 0);
    await reached("following");
    const slots = () =>
      source.sql("plain", "SELECT slot_name, restart_lsn IS NULL AS gone FROM pg_replication_slots ORDER BY 1");
    const before = await slots();
    await installation.ok("fork", "shop", "copy", "--yes");
    assert.match(await installation.ok("import", "status", "copy"), /that of the cluster which this one was made from/);
    assert.equal((await installation.run(["import", "cutover", "copy"])).code, 3);
    await installation.ok("import", "abandon", "copy", "--yes");
    await installation.ok("destroy", "copy", "--yes");
    assert.deepEqual(await slots(), before);
    await reached("following");
    await installation.ok("destroy", "shop", "--yes");
    assert.deepEqual(await source.sql("plain", "SELECT slot_name FROM pg_replication_slots"), []);
    assert.deepEqual(await source.sql("plain", "SELECT pubname FROM pg_publication"), []);
  });
});
