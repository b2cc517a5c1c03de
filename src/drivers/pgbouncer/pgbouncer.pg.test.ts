/** The pooler's contract, with the real PgBouncer in front of a real Postgres. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import pg from "pg";
import { signalAll } from "../../../tests/faults/processes.ts";
import { startPostgres, testPassword, type TestPostgres } from "../../../tests/fixtures/postgres.ts";
import { defaultPool } from "../../domain/pool.ts";
import { OpError } from "../../errors/op-error.ts";
import { chooseServerOwner } from "../postgres/engine/owner.ts";
import type { ServerOwner } from "../postgres/port.ts";
import type { Restart } from "../process/port.ts";
import type { PoolerDriver, PoolerWish, PoolUser } from "./port.ts";
import { createPooler } from "./process.ts";
import { findPgbouncer } from "./program.ts";

const isInstalled = await findPgbouncer().then(
  () => true,
  () => false,
);
const skip = isInstalled ? false : "PgBouncer is not installed";

let postgres: TestPostgres;
let scratch: string;
let owner: ServerOwner | undefined;

before(async () => {
  if (!isInstalled) return;
  postgres = await startPostgres();
  scratch = await mkdtemp(join(tmpdir(), "pooler-"));
  await promisify(execFile)("chmod", ["755", scratch]);
  owner = await chooseServerOwner();
});
after(async () => {
  if (!isInstalled) return;
  await postgres.remove();
  await rm(scratch, { recursive: true, force: true });
});

interface Pooler {
  readonly driver: PoolerDriver;
  readonly directory: string;
  readonly wish: PoolerWish;
  /** another agent's view of the same */
  readonly again: () => PoolerDriver;
}

let made = 0;

async function start(t: TestContext, pool: Partial<typeof defaultPool> = {}, pauseMsMax = 20_000): Promise<Pooler> {
  made += 1;
  const directory = join(scratch, `pool-${made}`);
  const wish: PoolerWish = {
    pool: { ...defaultPool, isOn: true, size: 2, reserve: 0, ...pool },
    primaryPort: postgres.port,
    serversMax: 20,
    serverIdleMs: 60_000,
  };
  const again = () => createPooler({ directory, logPath: join(scratch, `${made}.log`), owner, pauseMsMax });
  const driver = again();
  t.after(() => driver.stop());
  assert.equal(await driver.ensure(wish, await listed()), "started");
  return { driver, directory, wish, again };
}

/** As the agent reads them on the primary. */
async function listed(): Promise<readonly PoolUser[]> {
  const rows = await atServer("select rolname as name, rolpassword as verifier from pg_authid where rolpassword <> ''");
  return rows.map(({ name, verifier }) => ({ name: String(name), verifier: String(verifier) }));
}

async function atServer(sql: string): Promise<readonly Record<string, unknown>[]> {
  return through(postgres.port, sql);
}

function clientAt(port: number | undefined, config: pg.ClientConfig = {}): pg.Client {
  const at = { host: "127.0.0.1", port, user: "postgres", password: testPassword, database: "postgres" };
  const client = new pg.Client({ ...at, ...config });
  client.on("error", () => undefined);
  return client;
}

async function through(
  port: number | undefined,
  sql: string,
  config: pg.ClientConfig = {},
): Promise<readonly Record<string, unknown>[]> {
  const client = clientAt(port, config);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const answered = [{ answer: 1 }];
const question = "select 1 as answer";

test(
  "who has a password gets a server; a wrong one, nobody's, and an unknown database are refused",
  { skip },
  async (t) => {
    const { driver } = await start(t);
    assert.deepEqual(await through(driver.port, question), answered);
    await assert.rejects(through(driver.port, question, { password: "wrong" }), /authentication failed/);
    await assert.rejects(through(driver.port, question, { user: "nobody there" }), /authentication failed/);
    await assert.rejects(through(driver.port, question, { database: "none" }), /database "none" does not exist/);
    // Also by its own rules, or others would be let in with the wrong password after it.
    assert.deepEqual(await through(driver.port, question), answered);
  },
);

test("names and passwords with quotes and blanks, and one that is a line of its own list", { skip }, async (t) => {
  const user = `o'hara "the" 1"\\`;
  const password = `a "b" 'c' \\ $1 é\t\nx`;
  const quotedUser = pg.escapeIdentifier(user);
  await atServer(`create role ${quotedUser} login password ${pg.escapeLiteral(password)}`);
  await atServer(`create database "odd ""one"" = x" owner ${quotedUser}`);
  t.after(async () => {
    await driver.stop();
    await atServer(`drop database "odd ""one"" = x"`);
    await atServer(`drop role ${quotedUser}`);
  });
  const { driver } = await start(t);
  const sql = "select current_user as name, current_database() as database";
  assert.deepEqual(await through(driver.port, sql, { user, password, database: `odd "one" = x` }), [
    { name: user, database: `odd "one" = x` },
  ]);
  const [known] = await listed();
  await driver.setUsers([{ name: `evil"\n"root" "" "`, verifier: known?.verifier ?? "" }, ...(await listed())]);
  assert.deepEqual(await through(driver.port, question), answered);
});

test(
  "nothing on disk lets anybody in, and nobody else can read it; the console is the agent's alone",
  { skip },
  async (t) => {
    const { driver, directory } = await start(t);
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    for (const name of ["settings", "users", "hba"]) {
      const path = join(directory, name);
      assert.equal((await stat(path)).mode & 0o077, 0, name);
      assert.doesNotMatch(await readFile(path, "utf8"), new RegExp(testPassword), name);
    }
    assert.deepEqual(
      (await readdir(directory)).filter((name) => !/^(settings|users|hba|pid|\.s\.PGSQL\.\d+)$/.test(name)),
      [],
    );
    for (const user of ["pgbouncer", "postgres", "root", userInfo().username])
      await assert.rejects(
        through(driver.port, "SHOW USERS", { user, database: "pgbouncer" }),
        /rejected|not allowed|failed/,
      );
    if (process.getuid?.() !== 0) return;
    const status = await readFile(`/proc/${driver.pid}/status`, "utf8");
    assert.match(status, new RegExp(`^Uid:\\s+${owner?.uid}\\s+${owner?.uid}\\s`, "m"));
    assert.match(status, /^CapEff:\s+0+$/m);
  },
);

test("users and passwords change under it: at once for who comes, and who is there stays", { skip }, async (t) => {
  await atServer("create role ada login password 'first'");
  t.after(() => atServer("drop role ada"));
  const { driver } = await start(t);
  const there = clientAt(driver.port, { user: "ada", password: "first" });
  await there.connect();
  await atServer("alter role ada password 'second'");
  await driver.setUsers(await listed());
  await assert.rejects(through(driver.port, question, { user: "ada", password: "first" }), /authentication failed/);
  assert.deepEqual(await through(driver.port, question, { user: "ada", password: "second" }), answered);
  assert.deepEqual((await there.query(question)).rows, answered);
  await driver.setUsers((await listed()).filter(({ name }) => name !== "ada"));
  await assert.rejects(through(driver.port, question, { user: "ada", password: "second" }), /authentication failed/);
  await there.end();
});

test(
  "a pause lets transactions end and begins no other; late says how many are open; then all go on",
  { skip },
  async (t) => {
    const { driver } = await start(t);
    const inside = clientAt(driver.port);
    await inside.connect();
    await inside.query("begin");
    assert.deepEqual(await driver.pause(50), { kind: "late", open: 1 });
    const waiting = through(driver.port, question);
    assert.equal((await driver.figures()).isPaused, true);
    assert.deepEqual((await inside.query(question)).rows, answered);
    await inside.query("commit");
    assert.deepEqual(await driver.pause(5000), { kind: "paused" });
    const [row] = await atServer(
      "select count(*)::int as n from pg_stat_activity where application_name = '' and usename = 'postgres' and pid <> pg_backend_pid() and backend_type = 'client backend'",
    );
    assert.equal(row?.["n"], 0, "no server is held during a pause");
    await driver.resume();
    assert.deepEqual(await waiting, answered);
    assert.equal((await driver.figures()).isPaused, false);
    await inside.end();
  },
);

test("a pause that its agent does not end, ends by itself", { skip }, async (t) => {
  const { driver, again } = await start(t, {}, 1000);
  assert.deepEqual(await driver.pause(5000), { kind: "paused" });
  const waiting = through(driver.port, question);
  await driver.close();
  assert.deepEqual(await waiting, answered);
  t.after(() => again().stop());
});

test("another agent adopts it, with its clients, and ends the pause that was left", { skip }, async (t) => {
  const { driver, again, wish } = await start(t);
  const client = clientAt(driver.port);
  await client.connect();
  await driver.pause(5000);
  await driver.close();
  const second = again();
  try {
    const waiting = client.query(question);
    assert.equal(await second.ensure(wish, undefined), "adopted");
    assert.deepEqual((await waiting).rows, answered);
    assert.equal(second.port, driver.port);
    assert.deepEqual(await through(second.port, question), answered, "users are as they were");
    await client.end();
  } finally {
    // Before the first one: the one that it has adopted is started again by it when another ends it.
    await second.stop();
  }
});

test("killed: back at once with the same users", { skip }, async (t) => {
  const { driver } = await start(t);
  const restarted = new Promise<Restart>((resolve) => driver.onRestart(resolve));
  const before = driver.pid ?? 0;
  process.kill(before, "SIGKILL");
  const { oldPid, newPid, tookMs } = await restarted;
  assert.equal(oldPid, before);
  assert.notEqual(newPid, before);
  assert.deepEqual(await through(driver.port, question), answered);
  t.diagnostic(`killed to accepting again: ${tookMs.toFixed(0)} ms`);
});

test("frozen: ended and started again", { skip }, async (t) => {
  const { driver } = await start(t);
  const restarted = new Promise<Restart>((resolve) => driver.onRestart(resolve));
  signalAll([driver.pid ?? 0], "SIGSTOP");
  assert.match((await restarted).reason, /stopped answering/);
  assert.deepEqual(await through(driver.port, question), answered);
});

test(
  "settings change while clients are connected; more clients than servers share them; one too many is told",
  { skip },
  async (t) => {
    const { driver, wish } = await start(t, { maxClients: 10 });
    const clients = Array.from({ length: 8 }, () => clientAt(driver.port));
    await Promise.all(clients.map((client) => client.connect()));
    await Promise.all(clients.map((client) => client.query("select pg_sleep(0.05)")));
    const figures = await driver.figures();
    assert.equal(figures.clients, 8);
    assert.equal(await driver.clients(), 8);
    const [pool] = figures.pools;
    assert.equal((pool?.serversActive ?? 0) + (pool?.serversIdle ?? 0), 2, "of size 2");
    assert.equal(pool?.mode, "transaction");
    assert.ok((figures.totals[0]?.transactions ?? 0) >= 8);
    assert.ok((figures.totals[0]?.waitMs ?? 0) > 0);
    await driver.configure({ ...wish, pool: { ...wish.pool, maxClients: 8, mode: "session", size: 3 } });
    await assert.rejects(through(driver.port, question), /no more connections allowed/);
    assert.deepEqual((await clients[0]?.query(question))?.rows, answered);
    assert.equal((await driver.figures()).pools[0]?.mode, "session");
    await Promise.all(clients.map((client) => client.end()));
  },
);

test(
  "a server that goes away: who is inside a transaction is told, who is not goes on with the next server",
  { skip },
  async (t) => {
    const { driver } = await start(t);
    const [inside, idle] = [clientAt(driver.port), clientAt(driver.port)];
    await Promise.all([inside.connect(), idle.connect()]);
    await idle.query(question);
    await inside.query("begin");
    await postgres.kill();
    await assert.rejects(inside.query(question));
    const waiting = idle.query(question);
    await postgres.start();
    assert.deepEqual((await waiting).rows, answered);
    await idle.end();
  },
);

test("without the program: the refusal says how to get it, and nothing is left", { skip }, async () => {
  const refused = await findPgbouncer({ MATRIARCH_PGBOUNCER: "/nonexistent" }).catch((error: unknown) => error);
  assert.ok(refused instanceof OpError && refused.code === "pooler-missing");
  assert.match(refused.hint ?? "", /(apt-get|dnf|brew) install/);
});
