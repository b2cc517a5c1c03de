/**
 * The pooled endpoint as a user meets it: the real command line, pgbench and other clients, a real PgBouncer, a primary that
 * moves, restarts and dies.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Client, type ClientConfig } from "pg";
import { z } from "zod";
import { connectionSchema } from "../../src/contract/cluster.ts";
import { poolStatusSchema } from "../../src/contract/pool.ts";
import { findPgbouncer } from "../../src/drivers/pgbouncer/program.ts";
import { packagedTools } from "../../src/drivers/postgres/engine/system.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { endAll, makeInstallation, type Installation } from "../faults/installation.ts";
import { processesIn } from "../faults/processes.ts";
import { until } from "../faults/until.ts";

const [tools] = await packagedTools(["pgbench"]);
const hasPooler = await findPgbouncer().then(
  () => true,
  () => false,
);
const skip = hasPooler && tools ? false : "PgBouncer or pgbench is not installed";

describe("the pooled endpoint (3 members)", { skip }, () => {
  let installation: Installation;
  let cluster: Cluster;
  let uri: string;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop", "--pool");
    const { connection } = z.object({ connection: connectionSchema }).parse({
      connection: await installation.json("user", "rotate", "shop", "postgres"),
    });
    uri = connection.uri.replace(`:${connection.port}/`, `:${(await pooled()).port}/`);
    await promisify(execFile)(`${tools?.directory}/pgbench`, ["-i", "-q", uri]);
  });
  after(() => installation[Symbol.asyncDispose]());

  const pooled = async (): Promise<{ readonly host: string; readonly port: number }> => {
    const { endpoints } = await cluster.healthy();
    assert.ok(endpoints.pooled);
    return endpoints.pooled;
  };
  const show = async () => poolStatusSchema.parse(await installation.json("pool", "show", "shop"));
  const servers = async (): Promise<number> => {
    const pools = (await show()).hosts.flatMap((host) => host.pools);
    return pools.reduce((sum, pool) => sum + pool.servers_active + pool.servers_idle + pool.servers_other, 0);
  };
  const poolerPid = (): number => {
    const found = processesIn(installation.home).find(({ command }) => /pgbouncer .*pool\.shop/.test(command));
    assert.ok(found);
    return found.pid;
  };
  const bench = (...args: readonly string[]): Promise<string> => benchAt(uri, ...args);
  const benchAt = async (given: string, ...args: readonly string[]): Promise<string> => {
    const child = spawn(`${tools?.directory}/pgbench`, ["-n", "-M", "simple", ...args, given]);
    const [said, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return `${said}\n${errors}`;
  };
  const client = async (given: string | ClientConfig = uri): Promise<Client> => {
    const made = new Client(given);
    made.on("error", () => undefined);
    await made.connect();
    return made;
  };
  const ask = async (sql: string, given?: string): Promise<readonly unknown[]> => {
    const made = await client(given);
    try {
      return (await made.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await made.end();
    }
  };
  const aborted = (said: string): number => said.match(/client \d+ .*aborted/g)?.length ?? 0;

  test("the printed URI works with verify-full, for psql's kind of client too; connect and status lead there", async () => {
    const printed = await installation.ok("uri", "shop", "--role", "pooled");
    assert.match(printed, /sslmode=verify-full/);
    assert.equal(new URL(printed.trim()).port, String((await pooled()).port));
    assert.deepEqual(await ask("select 1 as one"), [{ one: 1 }]);
    assert.match(await installation.ok("status", "shop"), /^pooled +127\.0\.0\.1:/m);
    await assert.rejects(ask("select 1", uri.replace(/:[^:@]+@/, ":wrong@")), /authentication failed/);
    await assert.rejects(ask("select 1", uri.replace("/postgres?", "/none?")), /database "none" does not exist/);
    await assert.rejects(ask("show users", uri.replace("/postgres?", "/pgbouncer?")), /not allowed|rejected/);
  });

  test("a switchover, a rolling restart and one in place under load show no error at all", async () => {
    const since = await cluster.lastEvent();
    const running = bench("-c", "8", "-T", "9", "-P", "1");
    await until("load", async () => ((await show()).hosts[0]?.clients ?? 0) >= 8 || undefined);
    await installation.ok("switchover", "shop");
    await cluster.healthy();
    await installation.ok("restart", "shop");
    await cluster.healthy();
    await installation.ok("restart", "shop", "--in-place");
    const said = await running;
    assert.equal(aborted(said), 0, said);
    assert.doesNotMatch(said, /error|FATAL/i);
    assert.match(said, /number of failed transactions: 0/);
    assert.ok(Number(/actually processed: (\d+)/.exec(said)?.[1]) > 100, said);
    const told = (await cluster.events()).filter(({ id }) => id > since).map(({ type }) => type);
    assert.ok(told.includes("switchover.done"));
    assert.ok(!told.includes("pool.late") && !told.includes("pool.restarted"), told.join());
  });

  test("a failover ends only transactions that had a server; whoever waits goes on with the next primary", async () => {
    await installation.ok("pool", "set", "shop", "--size", "3", "--reserve", "0");
    // Those of the test before go when nobody needs them: until then as many transactions could be under way.
    await until("the pool to be small", async () => ((await servers()) <= 3 ? true : undefined));
    const running = bench("-c", "12", "-T", "6", "-P", "1");
    await until("load", async () => ((await show()).hosts[0]?.clients ?? 0) >= 12 || undefined);
    await endAll([(await cluster.primary()).pid]);
    const said = await running;
    assert.ok(aborted(said) <= 3, said);
    const later = [...said.matchAll(/^progress: (\d)\.\d s, ([\d.]+) tps/gm)].filter(
      ([, second]) => Number(second) >= 5,
    );
    assert.ok(
      later.some(([, , tps]) => Number(tps) > 0),
      said,
    );
    await installation.ok("pool", "set", "shop", "--size", "20", "--reserve", "5");
    await cluster.healthy();
  });

  test("a long transaction is cut off when its time is over, and an event says so; nobody else notices", async () => {
    const since = await cluster.lastEvent();
    const long = await client();
    await long.query("begin");
    const running = bench("-c", "4", "-T", "7");
    // Whether the target could take over in the end is another story: the old primary goes on if not.
    await installation.run(["switchover", "shop"]);
    await assert.rejects(long.query("select 1"));
    const said = await running;
    assert.equal(aborted(said), 0, said);
    const late = await cluster.event("pool.late", since);
    assert.match(late.message, /1 transaction through the pooled endpoint had not ended after 3 s/);
    await cluster.healthy();
  });

  test("the agent is killed while clients are held: the next one lets them go on", async () => {
    const long = await client();
    await long.query("begin");
    const moving = installation.run(["switchover", "shop"]);
    await until("the hold", async () => (await show()).hosts[0]?.state === "holding" || undefined);
    await installation.killAgent();
    const waiting = ask("select 2 as two");
    await installation.startAgent();
    assert.deepEqual(await waiting, [{ two: 2 }]);
    await long.end();
    await moving;
    await cluster.healthy();
  });

  test("the pooler is killed: it is back at once, and says so", async () => {
    const since = await cluster.lastEvent();
    const before = poolerPid();
    await endAll([before]);
    assert.deepEqual(await ask("select 3 as three"), [{ three: 3 }]);
    assert.notEqual(poolerPid(), before);
    assert.match((await cluster.event("pool.restarted", since)).message, /pooler started again/);
  });

  test("users: made and rotated by commands at once, by SQL a moment later; gone ones are refused", async () => {
    await installation.ok("database", "create", "shop", "web");
    const made = connectionSchema.parse(await installation.json("user", "create", "shop", "web", "--database", "web"));
    const at = (password: string | null) => {
      const there = new URL(uri);
      there.username = "web";
      there.password = password ?? "";
      there.pathname = "/web";
      return there.toString();
    };
    const name = "select current_user as name";
    assert.deepEqual(await ask(name, at(made.password)), [{ name: "web" }]);
    const rotated = connectionSchema.parse(await installation.json("user", "rotate", "shop", "web"));
    assert.deepEqual(await ask(name, at(rotated.password)), [{ name: "web" }]);
    await assert.rejects(ask(name, at(made.password)), /authentication failed/);
    await ask("alter role web password 'by hand'");
    await until("the password set by SQL", () => ask(name, at("by hand")).catch(() => undefined));
    await installation.ok("user", "drop", "shop", "web", "--yes");
    await assert.rejects(ask(name, at("by hand")), /authentication failed/);
    const attached = await installation.ok("attach", "shop", "--app", "site", "--pooled");
    const given = /postgresql:\/\/[^\s']+/.exec(attached)?.[0] ?? "";
    assert.equal(new URL(given).port, new URL(uri).port);
    assert.deepEqual(await ask("select session_user as name", given), [{ name: "site" }]);
  });

  test("a thousand clients share twenty servers", async (t) => {
    // Most of the time would go into pgbench's own handshakes.
    const plain = uri.replace("sslmode=verify-full", "sslmode=disable");
    const said = await benchAt(plain, "-S", "-c", "1000", "-j", "2", "-t", "2");
    assert.match(said, /number of transactions actually processed: 2000\/2000/, said);
    t.diagnostic(/initial connection time = .*/.exec(said)?.[0] ?? "");
  });

  test("what cannot be is refused, and nothing is changed", async () => {
    const before = await show();
    const refused = async (code: number, pattern: RegExp, ...args: readonly string[]): Promise<void> => {
      const ran = await installation.run(["pool", "set", "shop", ...args]);
      assert.equal(ran.code, code, `${args.join(" ")}: ${ran.stdout}\n${ran.stderr}`);
      assert.match(ran.stderr, pattern);
    };
    await refused(3, /max_connections is 200/, "--size", "200");
    await refused(3, /while|cannot be changed/, "--on", "--port", "7777");
    await refused(2, /conflict|cannot be used/, "--on", "--off");
    await refused(2, /nothing is to be changed/);
    await refused(2, /10 to 9000/, "--max-clients", "1000000");
    await refused(2, /1s to 1h/, "--wait", "0s");
    await refused(3, /--yes/, "--off");
    const { hosts: _, ...same } = before;
    const { hosts: __, ...now } = await show();
    assert.deepEqual(now, same);
  });

  test("off: its clients are told, its URI is refused with the reason; on again: the same port", async () => {
    const { port } = await pooled();
    const there = await client();
    await installation.ok("pool", "set", "shop", "--off", "--yes");
    await assert.rejects(there.query("select 1"));
    assert.throws(() => poolerPid());
    const refused = await installation.run(["uri", "shop", "--role", "pooled"]);
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /no pooled endpoint[^]*pool set shop --on/);
    await installation.ok("pool", "set", "shop", "--on");
    assert.equal((await pooled()).port, port);
    assert.deepEqual(await ask("select 4 as four"), [{ four: 4 }]);
    const since = await cluster.lastEvent();
    await endAll([poolerPid()]);
    await cluster.event("pool.restarted", since);
    assert.deepEqual(await ask("select 5 as five"), [{ five: 5 }]);
  });
});

test(
  "as an ordinary user the pooler is that user's, with a console that is nobody else's; destroyed with its cluster",
  {
    skip: skip || (process.getuid?.() === 0 ? false : "the other tests run as an ordinary user already"),
  },
  async () => {
    await using installation = await makeInstallation({ as: { uid: 65_534, gid: 65_534 } });
    const cluster = await createCluster(installation, "dev", "--members", "1", "--pool");
    const { endpoints } = await cluster.healthy();
    const target = { ...cluster.target(), port: endpoints.pooled?.port };
    assert.deepEqual(await cluster.query("select 1 as one", target), [{ one: 1 }]);
    for (const user of ["pgbouncer", "nobody", "postgres"])
      await assert.rejects(cluster.query("show users", { ...target, user, database: "pgbouncer" }));
    const { hosts } = poolStatusSchema.parse(await installation.json("pool", "show", "dev"));
    assert.equal(hosts[0]?.state, "serving");
    const pooler = processesIn(installation.home).filter(({ command }) => command.includes("pgbouncer"));
    assert.equal(pooler.length, 1);
    await installation.ok("destroy", "dev", "--yes");
    assert.deepEqual(
      processesIn(installation.home).filter(({ command }) => command.includes("pgbouncer")),
      [],
    );
  },
);

test("without PgBouncer: create and pool set say how to get it, and nothing is made or changed", async () => {
  await using installation = await makeInstallation();
  const without = { MATRIARCH_PGBOUNCER: "/nonexistent" };
  const run = async (...args: readonly string[]) => {
    const child = installation.begin(args, without);
    child.stdin.end("");
    const errors = text(child.stderr);
    const code = new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code: await code, stderr: await errors };
  };
  const refusal = /PgBouncer is not installed on this machine[^]*install -y pgbouncer|brew install pgbouncer/;
  const refused = await run("create", "dev", "--members", "1", "--pool");
  assert.equal(refused.code, 3, refused.stderr);
  assert.match(refused.stderr, refusal);
  assert.deepEqual(await installation.json("list"), []);
  assert.equal((await run("create", "dev", "--members", "1")).code, 0);
  const later = await run("pool", "set", "dev", "--on");
  assert.equal(later.code, 3);
  assert.match(later.stderr, refusal);
  assert.equal(poolStatusSchema.parse(await installation.json("pool", "show", "dev")).on, false);
});

test(
  "autostop: who is connected through the pool keeps it awake, its idle servers do not, and it wakes who sleeps",
  { skip },
  async () => {
    await using installation = await makeInstallation();
    const cluster = await createCluster(installation, "dev", "--members", "1", "--pool", "--autostop", "1s");
    const { endpoints } = await cluster.healthy();
    const target = { ...cluster.target(), port: endpoints.pooled?.port };
    const asleep = () => cluster.until("to be asleep", ({ state }) => state === "asleep");
    await asleep();
    const since = await cluster.lastEvent();
    const idle = await cluster.connect(target);
    assert.deepEqual((await idle.query("select 1 as one")).rows, [{ one: 1 }]);
    assert.match((await cluster.event("cluster.woken", since)).message, /endpoint "pooled"/);
    await promisify(execFile)("sleep", ["3"]);
    assert.equal((await cluster.status())?.state, "healthy");
    const told = (await cluster.events()).filter(({ id }) => id > since).map(({ type }) => type);
    assert.equal(told.filter((type) => type === "cluster.asleep").length, 0);
    await idle.end();
    await asleep();
  },
);
