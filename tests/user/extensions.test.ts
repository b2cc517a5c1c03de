/** Extensions as a user meets them: the real commands on a real server, with what comes with Postgres itself. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { extensionListSchema, extensionPlanSchema, type ExtensionList } from "../../src/contract/extensions.ts";
import { operationSchema } from "../../src/contract/cluster.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation, type Ran } from "../faults/installation.ts";

/** What shells, SQL and paths take for something else. */
const nasty = [`o'brien"; drop table x --`, "$(touch pwned) `id` \\", "../../etc/passwd", "Ünï 象 %s", "x".repeat(200)];

describe("extensions", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop", "--members", "1");
  });
  after(() => installation[Symbol.asyncDispose]());

  const run = (...args: readonly string[]): Promise<Ran> => installation.run(["extension", ...args]);
  const list = async (...args: readonly string[]): Promise<ExtensionList> =>
    extensionListSchema.parse(await installation.json("extension", "list", "shop", ...args));
  const sql = (database: string, text: string): Promise<readonly Record<string, unknown>[]> =>
    cluster.query(text, { ...cluster.target(), database });
  const enabled = async (database: string): Promise<readonly string[]> =>
    (await list()).enabled.filter((one) => one.database === database).map(({ name }) => name);

  async function refused(code: number, pattern: RegExp, ...args: readonly string[]): Promise<void> {
    const before = await installation.api("/v1/clusters/shop/extensions");
    const ran = await run(...args);
    assert.equal(ran.code, code, `${args.join(" ")}: ${ran.stdout}\n${ran.stderr}`);
    assert.match(ran.stderr, pattern);
    assert.doesNotMatch(ran.stderr, /at .*\.(ts|mjs|js):\d+/, "a refusal is no stack trace");
    assert.deepEqual(await installation.api("/v1/clusters/shop/extensions"), before, "nothing was changed");
  }

  async function done(...args: readonly string[]): Promise<string> {
    const ran = await run(...args);
    assert.equal(ran.code, 0, `${args.join(" ")}: ${ran.stdout}\n${ran.stderr}`);
    return ran.stdout;
  }

  test("a new cluster counts what statements cost, and its template1 stays as it was", async () => {
    await sql("postgres", "SELECT 'seen by name'::text");
    const seen = "SELECT calls::int FROM pg_stat_statements WHERE query LIKE 'SELECT $1::text'";
    assert.deepEqual(await sql("postgres", seen), [{ calls: 1 }]);
    assert.deepEqual(await enabled("postgres"), ["pg_stat_statements"]);
    assert.deepEqual(await sql("template1", "SELECT extname FROM pg_extension"), [{ extname: "plpgsql" }]);
    assert.deepEqual((await list()).preloaded, [{ library: "pg_stat_statements", not_on: [] }]);
  });

  test("one is enabled in the only database that there is, seen, and enabled once", async () => {
    assert.match(await done("enable", "shop", "pg_trgm"), /^Enabled "pg_trgm" [\d.]+ in database "postgres"\.$/m);
    assert.deepEqual(await sql("postgres", "SELECT similarity('word', 'words') > 0.5 AS near"), [{ near: true }]);
    const [found] = (await list("--database", "postgres")).enabled.filter(({ name }) => name === "pg_trgm");
    assert.equal(found?.schema, "public");
    assert.equal(found?.version, found?.available);
    assert.match(await done("enable", "shop", "pg_trgm"), /enabled in database "postgres" already, with version/);
    assert.match(await done("list", "shop"), /^postgres +pg_trgm +[\d.]+ +- +text similarity/m);
    const [event] = (await cluster.events()).filter(({ type }) => type === "extension.enabled");
    assert.match(event?.message ?? "", /^extension "pg_trgm" [\d.]+ enabled in database "postgres"$/);
  });

  test("what could be enabled: with libraries, without an agent's own things", async () => {
    const { available } = await list("--all");
    const named = new Map(available.map((one) => [one.name, one]));
    assert.equal(named.get("pg_stat_statements")?.needs_preload, true);
    assert.equal(named.get("hstore")?.needs_preload, false);
    assert.deepEqual(named.get("earthdistance")?.requires, ["cube"]);
    assert.equal(named.get("auto_explain")?.comment, "library, loaded for all databases");
    assert.deepEqual(named.get("pg_trgm")?.enabled_in, ["postgres"]);
    assert.deepEqual(named.get("pg_trgm")?.missing_on, []);
  });

  test("the database that people made is taken, and with several it must be named", async () => {
    await installation.ok("database", "create", "shop", "orders");
    assert.match(await done("enable", "shop", "citext"), /in database "orders"/);
    await installation.ok("database", "create", "shop", `we"ird $(x) 'one'`);
    await refused(3, /several databases(.*\n)*DETAIL.*"orders"(.*\n)*HINT.*--database/, "enable", "shop", "hstore");
    await done("enable", "shop", "hstore", "--database", `we"ird $(x) 'one'`);
    assert.deepEqual(await enabled(`we"ird $(x) 'one'`), ["hstore"]);
    await refused(5, /database "no;ne" does not exist/, "enable", "shop", "hstore", "--database", "no;ne");
  });

  test("what it requires comes with it, and is told", async () => {
    const plan = extensionPlanSchema.parse(
      await installation.json("extension", "enable", "shop", "earthdistance", "--database", "orders", "--dry-run"),
    );
    assert.deepEqual({ also: plan.also, is_done: plan.is_done }, { also: ["cube"], is_done: false });
    assert.deepEqual(await enabled("orders"), ["citext"]);
    assert.match(await done("enable", "shop", "earthdistance", "--database", "orders"), /, with cube\.$/m);
    assert.deepEqual(await enabled("orders"), ["citext", "cube", "earthdistance"]);
  });

  test("another schema and version, and the way up from it", async () => {
    await sql("orders", 'CREATE SCHEMA "My ext"');
    await done("enable", "shop", "hstore", "--database", "orders", "--schema", "My ext", "--version", "1.4");
    const [found] = (await list()).enabled.filter(({ name, database }) => name === "hstore" && database === "orders");
    assert.deepEqual([found?.schema, found?.version, found?.has_update], ["My ext", "1.4", true]);
    assert.match(await done("list", "shop", "--database", "orders"), /^orders +hstore +1\.4 +[\d.]+ \(update\)/m);
    const enableOther = ["enable", "shop", "hstore", "--database", "orders", "--version", "1.8"];
    await refused(3, /enabled already, with version 1\.4(.*\n)*HINT.*extension update shop hstore/, ...enableOther);
    assert.match(await done("update", "shop", "hstore", "--database", "orders"), /^Updated "hstore" from 1\.4 to /m);
    assert.match(await done("update", "shop", "hstore", "--database", "orders"), /already/);
    const down = ["update", "shop", "hstore", "--database", "orders", "--version", "1.4"];
    await refused(3, /no way from version .* of "hstore" to "1\.4"/, ...down);
    await refused(3, /no schema "nowhere"/, "enable", "shop", "lo", "--database", "orders", "--schema", "nowhere");
    const version = ["enable", "shop", "lo", "--database", "orders", "--version", "9'9"];
    await refused(3, /no version "9'9" of "lo"(.*\n)*DETAIL.*There are: /, ...version);
  });

  test("disable is refused while something depends on it, in Postgres' words; --cascade takes it along", async () => {
    await sql("orders", "CREATE TABLE people (id int PRIMARY KEY, mail citext)");
    await sql("orders", "CREATE VIEW mails AS SELECT mail FROM people");
    const disable = ["disable", "shop", "citext", "--database", "orders"];
    await refused(3, /depend on extension "citext"(.*\n)*.*column mail of table (public\.)?people/, ...disable);
    await refused(3, /needs a confirmation(.*\n)*.*view (public\.)?mails/, ...disable, "--cascade");
    const plan = extensionPlanSchema.parse(await installation.json("extension", ...disable, "--cascade", "--dry-run"));
    assert.deepEqual(
      plan.drops.filter((what) => /^(column|view) /.test(what)).map((what) => what.split(" ")[0]),
      ["column", "view"],
    );
    assert.equal((await enabled("orders")).includes("citext"), true);
    assert.match(await done(...disable, "--cascade", "--yes"), /^Disabled "citext" in database "orders"\.$/m);
    assert.equal((await enabled("orders")).includes("citext"), false);
    await assert.rejects(sql("orders", "SELECT mail FROM people"), /column "mail" does not exist/);
    await refused(
      3,
      /depend on extension "cube"(.*\n)*.*extension earthdistance/,
      "disable",
      "shop",
      "cube",
      "--database",
      "orders",
    );
    await refused(5, /does not have extension "citext"/, ...disable);
    await refused(
      5,
      /enabled in "postgres"(.*\n)*HINT.*--database postgres/,
      "disable",
      "shop",
      "pg_trgm",
      "--database",
      "orders",
    );
  });

  test("what the engine lacks is refused with how to get it", async () => {
    const at = ["--database", "orders"];
    await refused(3, /does not have "postgis"(.*\n)*HINT.*--engine system/, "enable", "shop", "postgis", ...at);
    await refused(3, /does not have "vector"(.*\n)*HINT.*postgresql-\d+-pgvector/, "enable", "shop", "vector", ...at);
    await refused(3, /no extension "pgvector"(.*\n)*HINT.*Did you mean "vector"/, "enable", "shop", "pgvector", ...at);
    await refused(3, /no extension "pg_trmg"(.*\n)*HINT.*Did you mean "pg_trgm"/, "enable", "shop", "pg_trmg", ...at);
    const language = /library of "plperl" does not load(.*\n)*DETAIL.*libperl(.*\n)*HINT.*--engine system/;
    if (!existsSync("/usr/lib/x86_64-linux-gnu/libperl.so.5.26"))
      await refused(3, language, "enable", "shop", "plperl", ...at);
    await refused(3, /does not have "timescaledb"/, "enable", "shop", "timescaledb", ...at, "--install", "--yes");
  });

  test("names that mean something else elsewhere are only names", async () => {
    const at = ["shop", "--database", "orders", "--"];
    await Promise.all(
      nasty.map(async (name) => {
        await refused(3, /there is no extension/, "enable", ...at, name);
        await refused(5, /does not have extension/, "disable", ...at, name);
        await refused(5, /database ".*" does not exist/s, "update", "shop", "hstore", "--database", name);
      }),
    );
    await refused(5, /cluster "none" does not exist/, "enable", "none", "hstore");
    await refused(2, /unknown option/, "enable", "shop", "hstore", "--nonsense");
  });

  test("a change is an operation with a result for programs", async () => {
    const operation = operationSchema.parse(
      await installation.json("extension", "enable", "shop", "lo", "--database", "orders"),
    );
    assert.equal(operation.state, "done");
    assert.equal(extensionPlanSchema.parse(operation.result).name, "lo");
  });
});
