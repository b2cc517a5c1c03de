/** Imports as a user meets them: the real command, from a server of the distribution's into a cluster. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Client } from "pg";
import { z } from "zod";
import { databaseSchema } from "../../src/contract/accounts.ts";
import { operationSchema } from "../../src/contract/cluster.ts";
import { importChecksSchema } from "../../src/contract/imports.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation, type Ran } from "../faults/installation.ts";
import { until } from "../faults/until.ts";
import { data, questions, richDatabase, roles, schema } from "../import/rich.ts";
import { SourceServer, sourceEngine, sourcePassword } from "../import/source-server.ts";

const engine = await sourceEngine();
const skip = engine === undefined ? "no Postgres of the distribution is installed" : false;

describe("import", { skip }, () => {
  let installation: Installation;
  let cluster: Cluster;
  let source: SourceServer;

  before(async () => {
    if (!engine) return;
    const made = await Promise.all([makeInstallation(), SourceServer.start(engine)]);
    [installation, source] = made;
    cluster = await createCluster(installation, "shop", "--members", "2");
    await source.sql("postgres", ...roles, `CREATE DATABASE "${richDatabase.replaceAll('"', '""')}"`);
    await source.sql(richDatabase, ...schema, ...data);
  });
  after(async () => {
    await source?.[Symbol.asyncDispose]();
    await installation?.[Symbol.asyncDispose]();
  });

  const start = (database: string, ...more: readonly string[]): Promise<Ran> =>
    installation.run(["import", "shop", "-", "--database", database, ...more], { input: source.uri(richDatabase) });
  const databases = async (): Promise<readonly string[]> =>
    databaseSchema
      .array()
      .parse(await installation.json("database", "list", "shop"))
      .map(({ name }) => name);
  const leftRoles = (): Promise<readonly Record<string, unknown>[]> =>
    cluster.query(
      "SELECT rolname FROM pg_roles WHERE rolname IN ('auditor', 'Odd Role', 'matriarch_import') ORDER BY rolname COLLATE \"C\"",
    );

  async function here(database: string): Promise<Client> {
    return cluster.connect({ ...cluster.target(), database });
  }

  async function answers(client: Client): Promise<readonly unknown[]> {
    const rows: unknown[] = [];
    for (const question of questions) rows.push((await client.query(question)).rows);
    return rows;
  }

  /** Where a secret could have gone. */
  function assertNoSecret(ran: Ran): void {
    const files = ["agent.log"].map((name) => readFileSync(join(installation.home, name), "utf8"));
    const events = readdirSync(installation.home).filter((name) => name.startsWith("events"));
    const kept = events.map((name) => readFileSync(join(installation.home, name), "latin1"));
    for (const text of [ran.stdout, ran.stderr, ...files, ...kept])
      for (const form of [sourcePassword, encodeURIComponent(sourcePassword)])
        assert.ok(!text.includes(form), "the source's password is shown somewhere");
  }

  test("all checks are told at once, and change nothing", async () => {
    const ran = await start("checked", "--check", "--json");
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    const { ok, checks } = importChecksSchema.parse(JSON.parse(ran.stdout));
    assert.equal(ok, true);
    const outcomes = Object.fromEntries(checks.map(({ name, outcome }) => [name, outcome]));
    for (const name of ["source", "version", "programs", "disk", "extensions", "database", "rights"])
      assert.equal(outcomes[name], "ok", JSON.stringify(checks));
    for (const name of ["roles", "policies", "large objects", "unlogged"]) assert.equal(outcomes[name], "note", name);
    assert.ok(!(await databases()).includes("checked"));
    assertNoSecret(ran);
  });

  test("a database with what real ones hold arrives whole, and belongs to its owners", async () => {
    const ran = await start("whole", "--json");
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    const { result } = operationSchema.parse(JSON.parse(ran.stdout));
    assert.equal(result?.["tables"], 8);
    assert.equal(result?.["rows"], 5000 + 3000 + 701 + 10 + 5 + 1 + 1);
    const [there, here1] = [await source.connect(richDatabase), await here("whole")];
    try {
      assert.deepEqual(await answers(here1), await answers(there));
      const owners = await here1.query(
        "SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace IN ('public'::regnamespace, '\"My Schema\"'::regnamespace) AND relkind IN ('r', 'v', 'm', 'S', 'p') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e')",
      );
      assert.deepEqual(owners.rows, [{ owner: "whole_owner" }]);
    } finally {
      await here1.end();
      await there.end();
    }
    const uri = z
      .object({ connection: z.object({ uri: z.string() }) })
      .parse(await installation.json("attach", "shop", "--app", "web", "--database", "whole", "--yes")).connection.uri;
    assert.match(uri, /whole/);
    assertNoSecret(ran);
    assert.deepEqual(readdirSync(join(installation.home, "imports")), []);
  });

  test("every refusal before anything was changed", async () => {
    const refusals: readonly (readonly [string, RegExp, ...string[]])[] = [
      [source.uri("nowhere"), /there is no database "nowhere"/],
      [source.uri(richDatabase).replace(/boss:[^@]*/, "boss:wrong"), /does not accept the password of user "boss"/],
      [source.uri(richDatabase).replace(/boss:[^@]*@/, "boss@"), /asks for a password/],
      [`postgres://a:b@127.0.0.1:1/x`, /nothing listens at 127.0.0.1:1/],
      [`postgres://a:b@no-such-name.invalid/x`, /the name "no-such-name.invalid" is not known/],
      [`postgres://a:b@db.internal/x`, /fly proxy 15432:5432/],
      [source.uri(richDatabase, "?sslmode=require"), /does not offer TLS/],
      [source.uri(richDatabase), /"postgres"|agents work/, "--database", "postgres"],
      [source.uri(richDatabase), /is there, and not empty/, "--database", "whole"],
    ];
    for (const [uri, pattern, ...more] of refusals) {
      const ran = await installation.run(["import", "shop", "-", "--database", "none", ...more], { input: uri });
      assert.equal(ran.code, 3, `${uri}: ${ran.stdout}${ran.stderr}`);
      assert.match(ran.stdout + ran.stderr, pattern);
      assertNoSecret(ran);
    }
    assert.ok(!(await databases()).includes("none"));
    const bad: readonly (readonly [number, string, RegExp])[] = [
      [3, "not a uri", /no URI of a database/],
      [3, "postgres://u:secret@h:99999/d", /no valid port/],
      [3, "postgres://u:secret@h1,h2/d", /several hosts/],
      [3, "postgres://u:secret@h/d?sslmodus=x", /not known: "sslmodus"/],
      [3, "postgres://u:se%zzcret@h/d", /not well written/],
    ];
    for (const [code, uri, pattern] of bad) {
      const ran = await installation.run(["import", "shop", "-"], { input: uri });
      assert.equal(ran.code, code);
      assert.match(ran.stderr, pattern);
      assert.doesNotMatch(ran.stderr, /secret|se%zz/);
    }
    assert.equal((await installation.run(["import", "nobody", "-"], { input: source.uri(richDatabase) })).code, 5);
    assert.equal((await installation.run(["import", "shop"])).code, 2);
    assert.equal((await installation.run(["import", "shop", "x", "--source-env", "Y"])).code, 2);
  });

  test("the URI comes from a file and from a variable too", async () => {
    const file = join(installation.home, "uri.txt");
    await writeFile(file, `${source.uri("postgres")}\n`, { mode: 0o600 });
    const ran = await installation.run(["import", "shop", "--source-file", file, "--database", "x", "--check"]);
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.match(ran.stdout, /✓ source +127\.0\.0\.1:\d+\/postgres/);
    const none = await installation.run(["import", "shop", "--source-env", "NOT_SET"]);
    assert.equal(none.code, 3);
  });

  test("what the first error was, about which table; and nothing is left", async () => {
    await source.sql("postgres", "CREATE DATABASE broken");
    await source.sql(
      "broken",
      "CREATE TABLE fine (v int)",
      "INSERT INTO fine SELECT generate_series(1, 1000)",
      "CREATE FUNCTION odd(v int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN current_setting('port') = '" +
        `${source.port}` +
        "'; END$$",
      "CREATE TABLE refused (v int CHECK (odd(v)))",
      "INSERT INTO refused VALUES (4711)",
    );
    const ran = await installation.run(["import", "shop", "-", "--json"], { input: source.uri("broken") });
    assert.equal(ran.code, 1, ran.stdout + ran.stderr);
    assert.match(
      ran.stderr,
      /table "refused" could not be copied: new row for relation "refused" violates check constraint/,
    );
    assert.match(ran.stderr, /What it had made is gone/);
    assert.ok(!(await databases()).includes("broken"));
    // Of the import that succeeded before.
    assert.deepEqual(await leftRoles(), [{ rolname: "Odd Role" }, { rolname: "auditor" }]);
  });

  test("into an empty database that an application is attached to; a failure leaves it empty", async () => {
    await installation.json("attach", "shop", "--app", "later");
    const failing = await installation.run(["import", "shop", "-", "--database", "later"], {
      input: source.uri("broken"),
    });
    assert.equal(failing.code, 1, failing.stderr);
    const client = await here("later");
    assert.deepEqual(
      (await client.query("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")).rows,
      [],
    );
    await client.end();
    const ran = await start("later");
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.match(ran.stdout, /rows: 8718/);
  });

  test("given up in the middle, and by the death of its agent: undone both times", async () => {
    await source.sql("postgres", "CREATE DATABASE slow");
    await source.sql(
      "slow",
      `CREATE FUNCTION idle(v int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$BEGIN
         PERFORM pg_sleep(CASE current_setting('port') WHEN '${source.port}' THEN 0 ELSE 600 END); RETURN true; END$$`,
      "CREATE TABLE waits (v int CHECK (idle(v)))",
      "INSERT INTO waits VALUES (1)",
    );
    const begin = async (): Promise<string> => {
      const ran = await installation.run(["import", "shop", "-", "--detach", "--json"], { input: source.uri("slow") });
      assert.equal(ran.code, 0, ran.stdout + ran.stderr);
      return operationSchema.parse(JSON.parse(ran.stdout)).id;
    };
    const look = async (id: string) => operationSchema.safeParse(await installation.api(`/v1/operations/${id}`)).data;
    for (const how of ["abandon", "death"] as const) {
      const id = await begin();
      await until("the copy to be under way", async () => (await look(id))?.step.startsWith("copying") || undefined);
      const status = await installation.ok("import", "status", "shop");
      assert.match(status, /^slow +127\.0\.0\.1:\d+\/slow +copying/m);
      if (how === "abandon") await installation.ok("import", "abandon", "shop", "--yes");
      else {
        await installation.killAgent();
        await installation.startAgent();
      }
      const end = await until("the import to end", async () => {
        const operation = await look(id);
        return operation?.state === "running" ? undefined : operation;
      });
      assert.equal(end.state, how === "abandon" ? "cancelled" : "failed", JSON.stringify(end));
      assert.match(end.error?.detail ?? "", /What it had made is gone/);
      assert.ok(!(await databases()).includes("slow"), how);
      assert.equal(await installation.ok("import", "status", "shop"), 'no import is under way in cluster "shop"\n');
    }
    await until("the source to be left alone", async () => {
      const [row] = await source.sql(
        "postgres",
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = 'slow'",
      );
      return row?.["n"] === 0 || undefined;
    });
  });
});
