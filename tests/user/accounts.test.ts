/** Databases, users and attached applications as a user meets them: the real commands on a real server. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { chmod, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { attachedSchema, databaseSchema, userSchema, type UserStatus } from "../../src/contract/accounts.ts";
import { connectionSchema, type Connection } from "../../src/contract/cluster.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation, type Ran } from "../faults/installation.ts";
import { until } from "../faults/until.ts";

/** What shells, SQL, URIs and files take for something else. */
const nasty = [`o'brien"; drop table x --`, "$(touch pwned) `id` \\", "Ünï-çødé 象 %41+&?#/@:", "x".repeat(60)];

describe("databases, users and attached applications", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop", "--members", "1");
  });
  after(() => installation[Symbol.asyncDispose]());

  const run = (...args: readonly string[]): Promise<Ran> => installation.run(args);
  const json = (...args: readonly string[]): Promise<unknown> => installation.json(...args);
  const users = async (): Promise<readonly UserStatus[]> =>
    userSchema.array().parse(await json("user", "list", "shop"));
  const userNamed = async (name: string): Promise<UserStatus | undefined> =>
    (await users()).find((user) => user.name === name);

  async function refused(code: number, pattern: RegExp, ...args: readonly string[]): Promise<void> {
    const ran = await run(...args);
    assert.equal(ran.code, code, `${args.join(" ")}: ${ran.stdout}\n${ran.stderr}`);
    assert.match(ran.stderr, pattern);
    assert.doesNotMatch(ran.stderr, /at .*\.(ts|mjs|js):\d+/, "a refusal is no stack trace");
  }

  /** As an application would: with nothing but the URI. */
  async function open(uri: string): Promise<Client> {
    const { hostname: host, port, username, password, pathname, searchParams } = new URL(uri);
    const client = new Client({
      host,
      port: Number(port),
      user: decodeURIComponent(username),
      password: decodeURIComponent(password),
      // The driver itself takes "%3B" in it for what it is (decodeURI), unlike libpq.
      database: decodeURIComponent(pathname.slice(1)),
      ssl: { ca: readFileSync(searchParams.get("sslrootcert") ?? "", "utf8") },
      connectionTimeoutMillis: 10_000,
    });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  async function sql(uri: string, ...statements: readonly string[]): Promise<readonly Record<string, unknown>[]> {
    const client = await open(uri);
    try {
      let rows: readonly Record<string, unknown>[] = [];
      for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows;
      return rows;
    } finally {
      await client.end();
    }
  }

  const adminUri = (database: string): Promise<Client> => cluster.connect({ ...cluster.target(), database });
  const attached = async (...args: readonly string[]) => attachedSchema.parse(await json("attach", "shop", ...args));
  const created = async (...args: readonly string[]): Promise<Connection> =>
    connectionSchema.parse(await json("user", "create", "shop", ...args));

  describe("attach and detach", () => {
    test("an application gets a database and a user of its own, and no more", async () => {
      const { attachment, connection } = await attached("--app", "My-App");
      assert.deepEqual(
        { database: attachment.database, user: attachment.user, role: attachment.role, state: attachment.state },
        { database: "my_app", user: "my_app", role: "owner", state: "attached" },
      );
      const [who] = await sql(
        connection.uri,
        "CREATE TABLE t (id serial PRIMARY KEY, v text)",
        "INSERT INTO t (v) VALUES ('x')",
        "CREATE SCHEMA s",
        "SELECT session_user AS login, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = session_user",
      );
      assert.deepEqual(who, { login: "my_app", rolsuper: false, rolcreaterole: false, rolcreatedb: false });
      await assert.rejects(sql(connection.uri, "CREATE ROLE x"), /permission denied/);
    });

    test("one application does not get into another's database", async () => {
      const { connection } = await attached("--app", "other");
      const elsewhere = connection.uri.replace("/other?", "/my_app?");
      assert.notEqual(elsewhere, connection.uri);
      await assert.rejects(sql(elsewhere, "SELECT 1"), /permission denied for database "my_app"/);
    });

    test("it is listed in status, and attached once", async () => {
      const status = await cluster.status();
      assert.deepEqual(
        status?.attachments.map(({ app, state }) => ({ app, state })),
        [
          { app: "My-App", state: "attached" },
          { app: "other", state: "attached" },
        ],
      );
      assert.match(await installation.ok("status", "shop"), /^My-App +my_app +my_app +owner +attached +DATABASE_URL$/m);
      await refused(3, /attached to cluster "shop" already(.*\n)*HINT.*--rotate/, "attach", "shop", "--app", "other");
    });

    test("reader and writer see what is there and what comes later, whoever makes it", async () => {
      const owner = await attached("--app", "paper");
      await sql(
        owner.connection.uri,
        "CREATE TABLE early (v int)",
        "CREATE SCHEMA more",
        "CREATE TABLE more.m (id serial)",
      );
      await refused(
        3,
        /database "paper" exists already(.*\n)*HINT.*--yes/,
        "attach",
        "shop",
        "--app",
        "looks",
        "--database",
        "paper",
      );
      const reader = await attached("--app", "looks", "--database", "paper", "--role", "reader", "--yes");
      const writer = await attached("--app", "writes", "--database", "paper", "--role", "writer", "--yes");
      const second = await attached("--app", "migrates", "--database", "paper", "--yes");
      await sql(
        second.connection.uri,
        "CREATE TABLE later (id serial, v int)",
        "CREATE SCHEMA last",
        "CREATE TABLE last.l ()",
      );
      const admin = await adminUri("paper");
      await admin.query("CREATE TABLE by_admin (v int)");
      await admin.end();
      for (const table of ["early", "later", "by_admin"]) {
        await sql(writer.connection.uri, `INSERT INTO ${table} (v) VALUES (1)`, `UPDATE ${table} SET v = 2`);
        assert.equal((await sql(reader.connection.uri, `SELECT * FROM ${table}`)).length, 1);
        await assert.rejects(sql(reader.connection.uri, `DELETE FROM ${table}`), /permission denied/);
      }
      await sql(writer.connection.uri, "INSERT INTO more.m DEFAULT VALUES", "SELECT * FROM last.l");
      await assert.rejects(sql(writer.connection.uri, "CREATE TABLE no ()"), /permission denied/);
      await assert.rejects(sql(writer.connection.uri, "DROP TABLE early"), /must be owner/);
      await sql(second.connection.uri, "ALTER TABLE early ADD COLUMN w int");
      await sql(owner.connection.uri, "ALTER TABLE later ADD COLUMN w int", "DROP SCHEMA last CASCADE");
    });

    test("detach asks, takes the user with its sessions, and keeps the data for the others", async () => {
      await refused(3, /needs a confirmation(.*\n)*.*"migrates" is dropped/, "detach", "shop", "--app", "migrates");
      const plan = await installation.ok("detach", "shop", "--app", "migrates", "--dry-run");
      assert.match(plan, /database "paper" and its data stay/);
      const { connection } = await attached("--app", "migrates", "--rotate");
      const client = await open(connection.uri);
      await client.query("SET role none");
      await client.query("CREATE TEMP TABLE x ()");
      const ended = new Promise((resolve) => client.once("error", resolve));
      await json("detach", "shop", "--app", "migrates", "--yes");
      assert.match(String(await ended), /terminat/);
      await assert.rejects(sql(connection.uri, "SELECT 1"), /password authentication failed/);
      assert.equal(await userNamed("migrates"), undefined);
      const { uri } = (await attached("--app", "paper", "--rotate")).connection;
      assert.equal((await sql(uri, "SELECT * FROM later")).length, 1);
      await refused(5, /"migrates" is not attached/, "detach", "shop", "--app", "migrates", "--yes");
    });

    test("names are taken as they are, or refused: shells, quotes, other scripts, length", async () => {
      for (const [at, app] of nasty.entries()) {
        const { attachment, connection } = await attached("--app", app);
        assert.equal(attachment.database, app.toLowerCase().replaceAll("-", "_"));
        const [row] = await sql(
          connection.uri,
          "CREATE TABLE t ()",
          "SELECT session_user AS u, current_database() AS d",
        );
        assert.deepEqual(row, { u: attachment.user, d: attachment.database });
        const file = join(installation.home, `..`, `env-${at}`);
        await json("attach", "shop", "--app", app, "--rotate", "--grace", "1h", "--env-file", file);
        const read = await shell(`. ${file}; printf %s "$DATABASE_URL"`);
        assert.deepEqual(await sql(read, "SELECT current_user <> session_user AS acts"), [{ acts: true }]);
        await json("detach", "shop", "--app", app, "--yes");
        assert.equal(existsSync(file), false);
        await json("database", "drop", "shop", attachment.database, "--yes");
      }
      assert.equal(existsSync("pwned"), false);
      for (const app of ["", "a\nb", "é".repeat(32), "pg_x", "matriarch", "public"])
        await refused(3, /cannot be used as a name(.*\n)*DETAIL/, "attach", "shop", "--app", app);
      for (const variable of ["A B", "1A", "A;B", "A["])
        await refused(3, /cannot be the name of a variable/, "attach", "shop", "--app", "v", "--variable", variable);
    });

    test("existing and missing things are refused, and nothing is made", async () => {
      const names = async () =>
        databaseSchema
          .array()
          .parse(await json("database", "list", "shop"))
          .map(({ name }) => name);
      const before = await names();
      await refused(
        3,
        /user "paper" exists already(.*\n)*HINT.*--user/,
        "attach",
        "shop",
        "--app",
        "fresh",
        "--user",
        "paper",
      );
      await refused(
        3,
        /database "postgres" cannot belong/,
        "attach",
        "shop",
        "--app",
        "fresh",
        "--database",
        "postgres",
      );
      await refused(5, /"fresh" is not attached[^]*Attached are: "/, "attach", "shop", "--app", "fresh", "--rotate");
      await refused(5, /cluster "none" does not exist/, "attach", "none", "--app", "fresh");
      await refused(2, /--grace is for --rotate/, "attach", "shop", "--app", "fresh", "--grace", "1h");
      await installation.ok("connect", "shop", "-c", "CREATE ROLE clash_owner SUPERUSER");
      await refused(3, /names that are taken/, "attach", "shop", "--app", "clash");
      assert.deepEqual(await names(), before);
      assert.equal(await userNamed("fresh"), undefined);
    });

    test("a database with tables that others made becomes the application's", async () => {
      await installation.ok("connect", "shop", "-c", "CREATE ROLE bob LOGIN");
      await installation.ok("connect", "shop", "-c", 'CREATE DATABASE "Old" OWNER bob');
      const admin = await adminUri("Old");
      await admin.query(`
        CREATE TABLE "T" (id serial, kind text); CREATE VIEW v AS SELECT * FROM "T"; CREATE TYPE mood AS ENUM ('ok');
        CREATE DOMAIN d AS int; CREATE FUNCTION f(x mood) RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'; CREATE AGGREGATE a(int) (sfunc = int4pl, stype = int);
        CREATE TYPE pair AS (x int, y int); CREATE TABLE parts (i int) PARTITION BY LIST (i);
        CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1); CREATE MATERIALIZED VIEW mv AS SELECT 1 AS one;
        CREATE SEQUENCE alone; CREATE SCHEMA "S p"; CREATE TABLE "S p"."t u" (i int GENERATED ALWAYS AS IDENTITY);
        SELECT lo_create(4711); SET ROLE bob; CREATE TABLE bobs ()`);
      await admin.end();
      const { connection } = await attached("--app", "heir", "--database", "Old", "--yes");
      await sql(
        connection.uri,
        'ALTER TABLE "T" ADD COLUMN n int',
        "ALTER TABLE bobs ADD COLUMN n int",
        "DROP VIEW v",
        "DROP FUNCTION f",
        "DROP PROCEDURE p",
        "DROP AGGREGATE a(int)",
        "DROP TYPE mood",
        "DROP TYPE pair",
        "DROP DOMAIN d",
        "DROP TABLE parts",
        "REFRESH MATERIALIZED VIEW mv",
        "DROP SEQUENCE alone",
        'DROP SCHEMA "S p" CASCADE',
        "SELECT lo_unlink(4711)",
      );
      const bob = await userNamed("bob");
      assert.deepEqual(bob?.databases, [{ database: "Old", role: "owner" }]);
    });
  });

  describe("where the URI goes", () => {
    const fileOf = (name: string): string => join(installation.home, "..", name);

    test("to a file: only its owner reads it, other lines stay, detach puts it back as it was", async () => {
      const file = fileOf("dot-env");
      const text = "A=1\nexport DATABASE_URL='mine'\n# c\nB=\"2\"";
      await writeFile(file, text, { mode: 0o644 });
      await refused(
        3,
        /DATABASE_URL is set in(.*\n)*HINT.*--variable/,
        "attach",
        "shop",
        "--app",
        "filed",
        "--env-file",
        file,
      );
      assert.equal(await userNamed("filed"), undefined, "nothing was made");
      const ran = await run("attach", "shop", "--app", "filed", "--env-file", file, "--yes", "--json");
      assert.equal(ran.code, 0, ran.stderr);
      const { attachment, connection } = attachedSchema.parse(JSON.parse(ran.stdout));
      assert.deepEqual(attachment.env_file, { machine: hostname(), path: file });
      assert.equal(connection.password, null);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      const uri = await shell(`. ${file}; printf %s "$DATABASE_URL"`);
      const { password } = new URL(uri);
      assert.ok(
        password.length > 20 && !(ran.stdout + ran.stderr).includes(password),
        "the password is in the file alone",
      );
      await sql(uri, "SELECT 1");
      const rotated = attachedSchema.parse(await json("attach", "shop", "--app", "filed", "--rotate"));
      assert.deepEqual([rotated.connection.password, rotated.attachment.env_file?.path], [null, file]);
      await assert.rejects(sql(uri, "SELECT 1"), /password authentication failed/);
      await sql(await shell(`. ${file}; printf %s "$DATABASE_URL"`), "SELECT 1");
      await json("detach", "shop", "--app", "filed", "--yes");
      assert.equal(readFileSync(file, "utf8"), text);
    });

    test("a link stays one; folders, files in no folder and read-only folders are refused before anything is made", async () => {
      const real = fileOf("real-env");
      const link = fileOf("link-env");
      await writeFile(real, "A=1\n");
      await symlink(real, link);
      await json("attach", "shop", "--app", "linked", "--env-file", link, "--variable", "PGURI");
      assert.match(readFileSync(real, "utf8"), /^A=1\n# matriarch attach shop linked\nPGURI='postgresql:/);
      await json("detach", "shop", "--app", "linked", "--yes");
      assert.equal(readFileSync(link, "utf8"), "A=1\n");
      const locked = fileOf("locked");
      await mkdir(locked);
      await chmod(locked, 0o500);
      const bad = [fileOf("h"), fileOf("none/env"), ...(process.getuid?.() === 0 ? [] : [join(locked, "env")])];
      for (const file of bad)
        await refused(3, /no file|cannot be used as/, "attach", "shop", "--app", "nowhere", "--env-file", file);
      assert.equal(await userNamed("nowhere"), undefined);
    });

    test("to a command, in its environment and on its stdin; one that fails is completed by the next", async () => {
      const file = fileOf("taken");
      const failing = await run("attach", "shop", "--app", "told", "--exec", "exit 7");
      assert.equal(failing.code, 1);
      assert.match(failing.stderr, /ended with exit code 7(.*\n)*DETAIL.*\n?HINT.*same command again/);
      assert.match(await installation.ok("status", "shop"), /told .*half attached: attach again/);
      const command = `printf '%s\\n' "$DATABASE_URL" > '${file}'; cat >> '${file}'; echo said`;
      const ran = await run("attach", "shop", "--app", "told", "--exec", command, "--json");
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stderr, /^said$/m);
      const [inEnvironment = "", onStdin] = readFileSync(file, "utf8").split("\n");
      assert.equal(onStdin, `DATABASE_URL=${inEnvironment}`);
      assert.equal(attachedSchema.parse(JSON.parse(ran.stdout)).attachment.state, "attached");
      await sql(inEnvironment, "SELECT 1");
      await refused(3, /attached to cluster/, "attach", "shop", "--app", "told");
    });

    test("rotated to a command: the file that has the old URI gets the new one, too", async () => {
      const file = fileOf("both");
      await installation.ok("attach", "shop", "--app", "both", "--env-file", file);
      const before = readFileSync(file, "utf8");
      const told = fileOf("both-told");
      await installation.ok(
        "attach",
        "shop",
        "--app",
        "both",
        "--rotate",
        "--exec",
        `printf %s "$DATABASE_URL" > '${told}'`,
      );
      const after = readFileSync(file, "utf8");
      assert.notEqual(after, before);
      assert.ok(after.includes(readFileSync(told, "utf8")), "both have the same");
      await installation.ok("detach", "shop", "--app", "both", "--yes");
    });

    test("detached on another machine, or after the file was lost: --env-file takes it out later", async () => {
      const file = fileOf("late-env");
      await json("attach", "shop", "--app", "late", "--env-file", file);
      const kept = readFileSync(file);
      await json("detach", "shop", "--app", "late", "--yes");
      await writeFile(file, kept);
      await json("detach", "shop", "--app", "late", "--env-file", file, "--yes");
      assert.equal(existsSync(file), false);
      await refused(5, /not attached/, "detach", "shop", "--app", "late", "--env-file", file, "--yes");
    });

    test("detached after the project was deleted: there is nothing to take it out of, and that is said", async () => {
      const project = fileOf("project");
      await mkdir(project);
      await json("attach", "shop", "--app", "deleted", "--env-file", join(project, ".env"));
      await rm(project, { recursive: true });
      const ran = await run("detach", "shop", "--app", "deleted", "--yes");
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stderr, /\.env" is gone, with its directory/);
      assert.equal(await userNamed("deleted"), undefined);
      assert.equal(existsSync(project), false);
    });
  });

  describe("rotation", () => {
    test("without grace the old password is refused at once, open sessions go on", async () => {
      const { connection } = await attached("--app", "turn");
      const session = await open(connection.uri);
      const next = (await attached("--app", "turn", "--rotate")).connection;
      assert.equal(next.user, connection.user);
      await assert.rejects(sql(connection.uri, "SELECT 1"), /password authentication failed/);
      await sql(next.uri, "SELECT 1");
      await session.query("SELECT 1");
      await session.end();
    });

    test("with grace both are good until it ends, and both act as the same user", async () => {
      await installation.ok("connect", "shop", "-c", `ALTER ROLE turn SET search_path = "a b", public`);
      await installation.ok("connect", "shop", "-c", `ALTER ROLE turn IN DATABASE turn SET work_mem = '7MB'`);
      const { connection } = await attached("--app", "turn", "--rotate");
      const what = "SELECT current_user AS u, current_setting('search_path') AS p, current_setting('work_mem') AS m";
      const second = await attached("--app", "turn", "--rotate", "--grace", "1h");
      const leftMs = Date.parse(second.previous_until ?? "") - Date.now();
      assert.ok(leftMs > 3_000_000 && leftMs <= 3_600_000, `${leftMs}`);
      assert.equal(second.connection.user, "turn_rotated");
      const [one, two] = [await sql(connection.uri, what), await sql(second.connection.uri, what)];
      assert.deepEqual(two, one);
      assert.deepEqual(one, [{ u: "turn_owner", p: '"a b", public', m: "7MB" }]);
      await sql(second.connection.uri, "CREATE TABLE by_second ()");
      await refused(3, /still good(.*\n)*HINT/, "attach", "shop", "--app", "turn", "--rotate", "--grace", "1h");
      assert.equal((await userNamed("turn"))?.logins.length, 2);
      // An hour later.
      await installation.ok("connect", "shop", "-c", "ALTER ROLE turn VALID UNTIL '2020-01-01'");
      await assert.rejects(sql(connection.uri, "SELECT 1"), /password authentication failed/);
      await sql(second.connection.uri, "SELECT 1");
      const third = await attached("--app", "turn", "--rotate", "--grace", "1h");
      assert.equal(third.connection.user, "turn");
      await sql(third.connection.uri, "DROP TABLE by_second");
      await sql(second.connection.uri, "SELECT 1");
      await attached("--app", "turn", "--rotate");
      await assert.rejects(sql(second.connection.uri, "SELECT 1"), /password authentication failed/);
    });

    test("a superuser, and the user postgres, turn like everybody", async () => {
      await created("boss", "--role", "superuser");
      const first = connectionSchema.parse(await json("user", "rotate", "shop", "boss", "--grace", "1h"));
      assert.equal(first.user, "boss_rotated");
      await sql(first.uri, "CREATE ROLE made_by_boss", "DROP ROLE made_by_boss");
      await json("user", "drop", "shop", "boss", "--yes");
      await assert.rejects(sql(first.uri, "SELECT 1"), /password authentication failed/);
      await refused(5, /user "nobody" does not exist/, "user", "rotate", "shop", "nobody");
      await refused(2, /duration/, "user", "rotate", "shop", "--grace", "soon");
    });
  });

  describe("database and user", () => {
    test("a database is made under its own name and listed; once", async () => {
      for (const name of [...nasty, "Mixed-Case", "--x"]) {
        await installation.ok("database", "create", "shop", "--json", "--", name);
        const found = databaseSchema
          .array()
          .parse(await json("database", "list", "shop"))
          .find((one) => one.name === name);
        assert.equal(found?.name, name);
      }
      await refused(3, /exists already/, "database", "create", "shop", "Mixed-Case");
      await refused(3, /exists already/, "database", "create", "shop", "postgres");
      await refused(5, /user "nobody" does not exist/, "database", "create", "shop", "x", "--owner", "nobody");
      for (const name of ["", ".", ".."]) await refused(3, /cannot be/, "database", "create", "shop", name);
      await refused(3, /at most 63 bytes/, "database", "create", "shop", "é".repeat(32));
    });

    test("encoding, locale and template are Postgres' own; what it refuses leaves nothing behind", async () => {
      await installation.ok("database", "create", "shop", "latin", "--encoding", "LATIN1", "--locale", "C");
      const listed = databaseSchema.array().parse(await json("database", "list", "shop"));
      const latin = listed.find(({ name }) => name === "latin");
      assert.deepEqual([latin?.encoding, latin?.collation], ["LATIN1", "C"]);
      const template = await adminUri("latin");
      await template.query("CREATE TABLE seed AS SELECT 7 AS v");
      await template.end();
      await installation.ok("database", "create", "shop", "copied", "--template", "latin");
      const copy = await adminUri("copied");
      assert.deepEqual((await copy.query("SELECT v FROM seed")).rows, [{ v: 7 }]);
      await copy.end();
      const roles = async (): Promise<unknown> => {
        const admin = await adminUri("postgres");
        const { rows } = await admin.query("SELECT rolname FROM pg_catalog.pg_roles ORDER BY 1");
        await admin.end();
        return rows;
      };
      const before = await roles();
      await refused(3, /invalid locale name|LC_COLLATE/, "database", "create", "shop", "no1", "--locale", "x'; --");
      await refused(3, /not a valid encoding name/, "database", "create", "shop", "no2", "--encoding", "$(id)");
      await refused(5, /template database .* does not exist/, "database", "create", "shop", "no3", "--template", 'a"b');
      assert.deepEqual(await roles(), before);
      for (const name of ["copied", "latin"]) await installation.ok("database", "drop", "shop", name, "--yes");
    });

    test("an owner of somebody's own database is made only when it was said", async () => {
      const admin = await adminUri("postgres");
      await admin.query("CREATE DATABASE theirs");
      await installation.ok("user", "create", "shop", "eve");
      await refused(
        3,
        /belongs to "postgres"[^]*HINT.*--yes/,
        "user",
        "grant",
        "shop",
        "eve",
        "--database",
        "theirs",
        "--role",
        "owner",
      );
      await refused(
        3,
        /belongs to "postgres"/,
        "user",
        "create",
        "shop",
        "eve2",
        "--database",
        "theirs",
        "--role",
        "owner",
      );
      assert.equal(await userNamed("eve2"), undefined);
      const owner =
        "SELECT pg_catalog.pg_get_userbyid(datdba) AS owner FROM pg_catalog.pg_database WHERE datname = 'theirs'";
      assert.deepEqual((await admin.query(owner)).rows, [{ owner: "postgres" }]);
      await installation.ok("user", "grant", "shop", "eve", "--database", "theirs", "--role", "reader");
      await installation.ok("user", "grant", "shop", "eve", "--database", "theirs", "--role", "owner", "--yes");
      assert.notDeepEqual((await admin.query(owner)).rows, [{ owner: "postgres" }]);
      await admin.end();
      await installation.ok("user", "drop", "shop", "eve", "--yes");
      await installation.ok("database", "drop", "shop", "theirs", "--yes");
    });

    test("drop says what is in use, asks, and ends sessions; what is attached is refused", async () => {
      await json("database", "create", "shop", "busy");
      const { uri } = await created("reader", "--database", "busy", "--role", "reader");
      const client = await open(uri);
      assert.match(await installation.ok("database", "drop", "shop", "busy", "--dry-run"), /1 open session is ended/);
      await refused(3, /needs a confirmation(.*\n)*.*for good/, "database", "drop", "shop", "busy");
      const ended = new Promise((resolve) => client.once("error", resolve));
      await json("database", "drop", "shop", "busy", "--yes");
      await ended;
      const left = await cluster.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'busy%'");
      assert.deepEqual(left, []);
      assert.deepEqual((await userNamed("reader"))?.databases, []);
      await refused(
        3,
        /is in use(.*\n)*DETAIL.*"paper"(.*\n)*HINT.*detach/,
        "database",
        "drop",
        "shop",
        "paper",
        "--yes",
      );
      await refused(5, /does not exist(.*\n)*DETAIL/, "database", "drop", "shop", "none", "--yes");
      await refused(3, /cannot be dropped/, "database", "drop", "shop", "postgres", "--yes");
    });

    test("a user's rights are changed, not added to; passwords may have any character", async () => {
      const password = `p'w"d $(id) \\ %41@:/?#`;
      const ran = await installation.run(
        ["user", "create", "shop", "ada", "--database", "paper", "--role", "owner", "--password-file", "-", "--json"],
        { input: password },
      );
      assert.equal(ran.code, 0, ran.stderr);
      const { uri } = connectionSchema.parse(JSON.parse(ran.stdout));
      await sql(uri, "CREATE TABLE adas (v int)");
      await json("user", "grant", "shop", "ada", "--database", "paper", "--role", "reader");
      await sql(uri, "SELECT * FROM adas");
      await assert.rejects(sql(uri, "INSERT INTO adas VALUES (1)"), /permission denied/);
      await json("user", "grant", "shop", "ada", "--database", "paper", "--role", "none");
      await assert.rejects(sql(uri, "SELECT 1"), /permission denied for database/);
      await refused(5, /does not exist/, "user", "grant", "shop", "ada", "--database", "none", "--role", "reader");
      const boss = ["shop", "postgres", "--database", "paper", "--role", "none"];
      await refused(3, /"postgres" is a superuser/, "user", "grant", ...boss);
      await refused(2, /a name is empty/, "user", "drop", "shop", "", "--yes");
      await refused(2, /--exec <command>[^]*empty/, "attach", "shop", "--app", "v", "--exec", " ");
      await refused(2, /from 0s to 31d/, "user", "rotate", "shop", "ada", "--grace", "32d");
      await refused(
        5,
        /nobody's login/,
        "user",
        "grant",
        "shop",
        "paper_owner",
        "--database",
        "paper",
        "--role",
        "reader",
      );
      await refused(
        3,
        /cannot have another owner/,
        "user",
        "grant",
        "shop",
        "ada",
        "--database",
        "postgres",
        "--role",
        "owner",
      );
      await json("user", "grant", "shop", "ada", "--database", "postgres", "--role", "reader");
      await assert.rejects(
        sql(uri.replace("/paper?", "/postgres?"), "SELECT * FROM matriarch.barrier"),
        /permission denied/,
      );
    });

    test("names of users: taken as they are, or refused", async () => {
      for (const name of nasty) {
        const { uri } = await created(name, "--database", "paper", "--role", "reader");
        assert.deepEqual(await sql(uri, "SELECT session_user AS u"), [{ u: name }]);
        await json("user", "rotate", "shop", name, "--grace", "1h");
        await json("user", "drop", "shop", name, "--yes");
        assert.equal(await userNamed(name), undefined);
      }
      for (const name of ["", "pg_x", "matriarch", "public", "a\tb"])
        await refused(3, /cannot be used as a name/, "user", "create", "shop", name);
      const latin = join(installation.home, "..", "latin-password");
      await writeFile(latin, Buffer.from("p\u00e9", "latin1"));
      await refused(3, /not text in UTF-8/, "user", "create", "shop", "eve", "--password-file", latin);
      await refused(3, /exists already/, "user", "create", "shop", "ada");
      await refused(3, /needs a database/, "user", "create", "shop", "eve", "--role", "reader");
      await refused(5, /database "none" does not exist/, "user", "create", "shop", "eve", "--database", "none");
      assert.equal(await userNamed("eve"), undefined);
    });

    test("a user that is dropped leaves what it owns to the database's owners", async () => {
      const { uri } = await created("carl", "--database", "paper", "--role", "owner");
      await sql(uri, "SET role none", "CREATE SCHEMA carls", "CREATE TABLE carls.t ()").catch(() => undefined);
      const admin = await adminUri("paper");
      await admin.query("CREATE TABLE given (); ALTER TABLE given OWNER TO carl");
      await admin.end();
      await json("user", "drop", "shop", "carl", "--yes");
      const paper = (await attached("--app", "paper", "--rotate")).connection.uri;
      await sql(paper, "ALTER TABLE given ADD COLUMN v int");
      await refused(3, /cannot be dropped/, "user", "drop", "shop", "postgres", "--yes");
      await refused(3, /is in use(.*\n)*HINT.*detach/, "user", "drop", "shop", "paper", "--yes");
      await refused(5, /does not exist/, "user", "drop", "shop", "matriarch", "--yes");
    });
  });

  describe("cut short", () => {
    test("the agent is killed at several moments: the next attach completes it, the next detach undoes it", async () => {
      for (const [at, afterMs] of [20, 60, 120, 200].entries()) {
        const app = `cut-${at}`;
        const asked = run("attach", "shop", "--app", app);
        await until("the request to have come, or to be answered", async () => {
          const seen = (await cluster.status())?.attachments.some((attachment) => attachment.app === app);
          return seen === true ? true : undefined;
        });
        await sleep(afterMs);
        await installation.killAgent();
        await asked;
        await installation.startAgent();
        await cluster.healthy();
        const again = await run("attach", "shop", "--app", app, "--json");
        const rotated = again.code === 0 ? again : await run("attach", "shop", "--app", app, "--rotate", "--json");
        assert.equal(rotated.code, 0, `${again.stderr}\n${rotated.stderr}`);
        await sql(attachedSchema.parse(JSON.parse(rotated.stdout)).connection.uri, "CREATE TABLE t (v int)");
        const undone = run("detach", "shop", "--app", app, "--yes");
        await sleep(100 + afterMs);
        await installation.killAgent();
        await undone;
        await installation.startAgent();
        await cluster.healthy();
        const rest = await run("detach", "shop", "--app", app, "--yes");
        assert.ok(rest.code === 0 || rest.code === 5, rest.stderr);
        assert.equal(await userNamed(`cut_${at}`), undefined);
      }
    });

    test("the agent is killed between two steps, then a lock is in the way: the next attach goes on from there", async () => {
      const holder = await held(cluster, "stuck");
      const asked = run("attach", "shop", "--app", "stuck", "--yes");
      await agentWaits(cluster);
      await installation.killAgent();
      assert.notEqual((await asked).code, 0);
      assert.ok(
        (await holder.query("SELECT FROM pg_roles WHERE rolname = 'stuck'")).rowCount,
        "the user is made already",
      );
      await installation.startAgent();
      await cluster.healthy();
      assert.match(await installation.ok("status", "shop"), /stuck .*half attached: attach again/);
      await refused(3, /lock timeout(.*\n)*HINT.*holds a lock/, "attach", "shop", "--app", "stuck");
      await refused(3, /attached with another role/, "attach", "shop", "--app", "stuck", "--role", "reader");
      await holder.end();
      const { connection } = await attached("--app", "stuck");
      await sql(connection.uri, "ALTER TABLE t ADD COLUMN w int");
    });

    test("the primary is killed between two steps: the outcome is unknown, and the next attach completes it on the new one", async () => {
      const pair = await createCluster(installation, "pair", "--members", "2");
      const holder = await held(pair, "moved");
      const asked = run("attach", "pair", "--app", "moved", "--yes");
      await agentWaits(pair);
      const { pid, id } = await pair.primary();
      process.kill(pid, "SIGQUIT");
      const ran = await asked;
      assert.equal(ran.code, 4, ran.stderr);
      assert.match(ran.stderr, /did not confirm(.*\n)*HINT.*same command again/);
      await holder.end();
      await pair.until("another primary", ({ primary }) => primary !== null && primary !== id);
      const { connection } = attachedSchema.parse(await json("attach", "pair", "--app", "moved"));
      await sql(connection.uri, "ALTER TABLE t ADD COLUMN w int");
      await installation.ok("destroy", "pair", "--yes");
    });

    /** A database with a table that somebody keeps locked, so that taking it over stops in the middle. */
    async function held(where: Cluster, database: string): Promise<Client> {
      await where.query(`CREATE DATABASE ${database}`);
      const holder = await where.connect({ ...where.target(), database });
      await holder.query("CREATE TABLE t (v int)");
      await holder.query("BEGIN");
      await holder.query("LOCK TABLE t");
      return holder;
    }

    async function agentWaits(where: Cluster): Promise<void> {
      const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'matriarch agent'`;
      await until("the agent to wait for the lock", async () =>
        (await where.query(waiting)).length > 0 ? true : undefined,
      );
    }

    test("two at once: one of them is told, and the URI that was given works", async () => {
      const both = await Promise.all([1, 2].map(() => run("attach", "shop", "--app", "twice", "--json")));
      const good = both.filter(({ code }) => code === 0);
      assert.ok(good.length >= 1, both.map(({ stderr }) => stderr).join("\n"));
      const uris = good.map(({ stdout }) => attachedSchema.parse(JSON.parse(stdout)).connection.uri);
      const works = await Promise.all(
        uris.map((uri) =>
          sql(uri, "SELECT 1").then(
            () => true,
            () => false,
          ),
        ),
      );
      assert.ok(works.includes(true));
    });

    test("no password in any log, event, operation or process list", async () => {
      const { connection } = await attached("--app", "secret");
      const rotated = (await attached("--app", "secret", "--rotate", "--grace", "1h")).connection;
      const said = [
        await installation.log(),
        await installation.ok("events", "shop", "--limit", "1000", "--json"),
        await installation.ok("logs", "shop", "--lines", "1000"),
        await installation.ok("audit", "--limit", "1000", "--json"),
      ].join("\n");
      for (const { password } of [connection, rotated]) assert.ok(password && !said.includes(password));
      assert.doesNotMatch(said, /SCRAM-SHA-256\$4096/);
    });

    test("a stopped cluster and one without a primary refuse, and nothing is kept of it", async () => {
      await installation.ok("stop", "shop");
      for (const args of [
        ["attach", "shop", "--app", "none"],
        ["database", "list", "shop"],
        ["user", "rotate", "shop"],
      ])
        await refused(3, /cluster "shop" is stopped(.*\n)*HINT.*matriarch start shop/, ...args);
      await installation.ok("start", "shop");
      await cluster.healthy();
      await installation.ok("pause", "shop", "--for", "5m");
      const { pid } = await cluster.primary();
      process.kill(pid, "SIGQUIT");
      await cluster.until("no primary", ({ primary }) => primary === null);
      await refused(1, /has no primary now(.*\n)*HINT.*explain/, "attach", "shop", "--app", "none");
      await installation.ok("resume", "shop");
      await cluster.healthy();
      assert.equal(
        (await cluster.status())?.attachments.some(({ app }) => app === "none"),
        false,
      );
    });
  });

  async function shell(script: string): Promise<string> {
    const { execFile } = await import("node:child_process");
    return new Promise((resolve, reject) => {
      execFile("/bin/sh", ["-c", script], (error, stdout) =>
        error ? reject(new Error(script, { cause: error })) : resolve(stdout),
      );
    });
  }
});
