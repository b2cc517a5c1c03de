/** Settings of a cluster as a user meets them: the real commands, judged and carried out by real servers. */
import assert from "node:assert/strict";
import { chmod, copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { settingsPlanSchema } from "../../src/contract/settings.ts";
import { endAll, type Installation } from "../faults/installation.ts";
import { until } from "../faults/until.ts";
import { Fixture, given } from "./settings-fixture.ts";

describe("settings of one server", () => {
  let shop: Fixture;
  before(async () => {
    shop = await Fixture.make(1);
  });
  after(() => shop[Symbol.asyncDispose]());

  test("every setting is shown, with its source, its range and why it is so", async () => {
    const all = await shop.show("--all");
    assert.ok(all.length > 300, String(all.length));
    const named = new Map(all.map((setting) => [setting.name, setting]));
    assert.equal(named.get("shared_buffers")?.source, "computed");
    assert.match(named.get("shared_buffers")?.why ?? "", /memory/);
    assert.equal(named.get("fsync")?.source, "owned");
    assert.equal(named.get("deadlock_timeout")?.source, "default");
    assert.equal(named.get("deadlock_timeout")?.value, "1 s");
    assert.equal(named.get("shared_preload_libraries")?.value, "pg_stat_statements");
    assert.equal(named.get("shared_preload_libraries")?.source, "extensions");
    // Our own sessions come over a Unix socket, where the server says 0.
    assert.equal(named.get("tcp_keepalives_idle")?.value, "30 s");
    assert.equal(named.get("tcp_keepalives_count")?.value, "3");
    const computed = await shop.show("--source", "computed");
    assert.deepEqual(
      computed.filter(({ why }) => why === null).map(({ name }) => name),
      [],
    );
    const text = await shop.installation.ok("config", "show", "shop", "work_mem");
    assert.match(text, /allowed +64 kB to/);
    const mode = await shop.installation.ok("config", "show", "shop", "log_file_mode");
    assert.match(mode, /= 0600\n[^]*allowed +0000 to 0777\n +default +0600\n/);
  });

  test("libraries: whether somebody named them or an extension needs them is told, for each of them", async () => {
    const sourceAfter = async (...command: readonly string[]): Promise<readonly unknown[]> => {
      await shop.installation.ok(...command);
      const { value, source, why } = await shop.setting("session_preload_libraries");
      return [value, source, why];
    };
    const set = (libraries: string) => ["config", "set", "shop", `session_preload_libraries=${libraries}`];
    const needed = "what new clusters begin with, and what enabled extensions need";
    const enable = ["extension", "enable", "shop", "auto_explain"];
    assert.deepEqual(await sourceAfter(...set("auto_explain")), ["auto_explain", "user", null]);
    await shop.installation.ok("config", "unset", "shop", "session_preload_libraries");
    assert.deepEqual(await sourceAfter(...enable), ["auto_explain", "extensions", needed]);
    await shop.installation.ok(...set("passwordcheck"));
    const both = ["passwordcheck,auto_explain", "user", "auto_explain for extensions"];
    assert.deepEqual(await sourceAfter(...enable), both);
    assert.deepEqual(await sourceAfter("extension", "disable", "shop", "auto_explain", "--yes"), [
      "passwordcheck",
      "user",
      null,
    ]);
    await shop.installation.ok("config", "unset", "shop", "session_preload_libraries");
  });

  test("sizes, times and switches as people write them are in force at once", async () => {
    const pairs = ["work_mem=16mb", "Statement_Timeout=30 Seconds", "log_connections=Yes"];
    await shop.installation.ok("config", "set", "shop", ...pairs);
    assert.deepEqual(await shop.shown("work_mem"), ["16MB"]);
    assert.deepEqual(await shop.shown("statement_timeout"), ["30s"]);
    assert.equal((await shop.setting("work_mem")).source, "user");
    assert.equal((await shop.setting("statement_timeout")).value, "30 s");
    await shop.installation.ok("config", "unset", "shop", "work_mem", "statement_timeout", "log_connections");
    assert.deepEqual(await shop.shown("statement_timeout"), ["0"]);
    assert.equal((await shop.setting("work_mem")).source, "computed");
  });

  test("any text comes through as it was: quotes, shell characters, equals signs", async () => {
    const nasty = `it's "$(touch pwned)" \`id\` a=b\\ ; -- # ü 🐘`;
    await shop.installation.ok("config", "set", "shop", `myapp.note=${nasty}`);
    assert.deepEqual(await shop.shown("myapp.note"), [nasty]);
    await shop.installation.ok("config", "unset", "shop", "myapp.note");
  });

  test("everything that is wrong is told at once, and nothing is changed", async () => {
    const before = await shop.show("--changed");
    const bad = ["work_mem=12 parsecs", "nosuch=1", "fsync=off", "a b=1", "shared_buffers=8GB"];
    const pairs = [...bad, "shared_preload_libraries=nosuch", "deadlock_timeout=2s"];
    const ran = await shop.run("config", "set", "shop", ...pairs);
    assert.equal(ran.code, 3);
    for (const part of [
      'invalid value for parameter "work_mem": "12 parsecs"',
      'unrecognized configuration parameter "nosuch"',
      '"fsync" is decided by Matriarch: it would lose acknowledged writes',
      '"a b" is not the name of a setting',
    ])
      assert.ok(ran.stderr.includes(part), `${part}\n${ran.stderr}`);
    assert.deepEqual(await shop.show("--changed"), before);
    assert.deepEqual(await shop.shown("deadlock_timeout"), ["1s"]);
  });

  test("each bad value is refused with its reason", async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ["max_connections=200000000", /outside the valid range for parameter "max_connections" \(1 \.\. 262143\)/],
      ["max_connections=many", /invalid value for parameter "max_connections"/],
      ["max_connections=", /must be at least 20/],
      ["bgwriter_delay=", /invalid value for parameter "bgwriter_delay"/],
      ["wal_level=minimal", /decided by Matriarch/],
      ["synchronous_standby_names=x", /decided by Matriarch/],
      ["listen_addresses=*", /decided by Matriarch/],
      ["lc_messages=de_DE.UTF-8", /decided by Matriarch/],
      ["shared_buffers=900GB", /leaves too little|Cannot allocate memory/],
      ["huge_pages=on", /^ERROR: {2}bad setting: .*(Cannot allocate memory|huge pages)/],
      ["shared_preload_libraries=nosuch", /could not access file "nosuch"/],
      ["session_preload_libraries=nosuch", /could not access file "nosuch"/],
      ["superuser_reserved_connections=250", /too few of max_connections/],
      ["min_wal_size=900GB", /must not be more than max_wal_size/],
      ["wal_receiver_status_interval=0", /no longer acknowledge/],
      ["work_mem=4MB; DROP TABLE x", /invalid value for parameter "work_mem"/],
      ["jit=perhaps", /requires a Boolean value/],
      ["log_statement=everything", /Available values: none, ddl, mod, all/],
    ];
    for (const [pair, reason] of cases) await shop.refused(3, reason, "config", "set", "shop", pair);
    await shop.refused(3, /unrecognized.*"nosuch"/, "config", "unset", "shop", "nosuch");
    await shop.refused(3, /decided by Matriarch/, "config", "unset", "shop", "fsync");
    await shop.refused(2, /NAME=VALUE/, "config", "set", "shop", "work_mem");
    await shop.refused(2, /given twice/, "config", "set", "shop", "work_mem=1MB", "WORK_MEM=2MB");
    await shop.refused(5, /does not exist/, "config", "set", "nosuch", "work_mem=1MB");
    await shop.refused(3, /no setting "nosuch"/, "config", "show", "shop", "nosuch");
    assert.deepEqual(await shop.given(), given);
  });

  test("what users may set for their sessions does not lock the agents out", async () => {
    const harsh = ["statement_timeout=1ms", "idle_session_timeout=1ms", "default_transaction_read_only=on"];
    const more = ["default_transaction_isolation=serializable", "lock_timeout=1ms", "search_path=nosuch"];
    await shop.installation.ok("config", "set", "shop", ...harsh, ...more);
    await shop.installation.ok("database", "create", "shop", "orders");
    await shop.installation.ok("restart", "shop");
    await shop.cluster.healthy();
    const names = [...harsh, ...more].map((pair) => pair.slice(0, pair.indexOf("=")));
    await shop.installation.ok("config", "unset", "shop", ...names);
    await shop.cluster.query("CREATE TABLE it_takes_writes ()");
  });

  test("--dry-run says what a change would do, and does nothing", async () => {
    const document: unknown = await shop.installation.json("config", "set", "shop", "max_connections=250", "--dry-run");
    const plan = settingsPlanSchema.parse(document);
    assert.deepEqual(plan.changes, [
      { name: "max_connections", before: "200", after: "250", source: "user", restart: true },
    ]);
    assert.deepEqual(plan.restart, ["shop-1"]);
    assert.match(plan.pause ?? "", /no standby to move to/);
    assert.equal((await shop.setting("max_connections")).source, "computed");
  });

  test("a script that allows no restart leaves it pending, and finishes it later", async () => {
    const said = await shop.installation.ok("config", "set", "shop", "max_connections=250");
    assert.match(said, /waits for a restart: max_connections on shop-1/);
    const { pending } = await shop.setting("max_connections");
    assert.deepEqual(pending?.members, ["shop-1"]);
    assert.equal(pending?.value, "250");
    assert.deepEqual(await shop.shown("max_connections"), ["200"]);
    await shop.installation.ok("restart", "shop", "--pending");
    assert.deepEqual(await shop.shown("max_connections"), ["250"]);
    assert.equal((await shop.setting("max_connections")).pending, null);
    await shop.installation.ok("config", "unset", "shop", "max_connections", "--restart");
    assert.deepEqual(await shop.shown("max_connections"), ["200"]);
  });

  for (const way of ["config set --restart", "restart --pending", "restart", "restart --member"])
    test(`${way}: a change that the server does not start with is taken back, in the server's words`, async () => {
      const library = await lendLibrary(shop.installation);
      const pair = `shared_preload_libraries=${library}`;
      const commands: Readonly<Record<string, readonly string[]>> = {
        "config set --restart": ["config", "set", "shop", pair, "--restart"],
        "restart --pending": ["restart", "shop", "--pending"],
        "restart": ["restart", "shop"],
        "restart --member": ["restart", "shop", "--member", "shop-1"],
      };
      try {
        const reverted = async () => (await shop.cluster.events()).filter(({ type }) => type === "config.reverted");
        const before = (await reverted()).length;
        await shop.installation.ok("config", "set", "shop", pair);
        // It was whole when the settings were tried, and is not when the server starts.
        await writeFile(library, "torn");
        const pattern = /shop-1" does not start with the changed settings(.*\n)*DETAIL: .*could not load library/;
        await shop.refused(3, pattern, ...(commands[way] ?? []));
        assert.deepEqual(await shop.given(), given);
        const events = await reverted();
        assert.equal(events.length, before + 1);
        assert.match(events[0]?.message ?? "", /taken back, "shop-1" does not start with them/);
      } finally {
        await rm(join(library, ".."), { recursive: true, force: true });
      }
    });
});

/** A library that is nobody's: a copy of one of the engine's, in a place that the servers' user can read. */
async function lendLibrary(installation: Installation): Promise<string> {
  const [source] = await findLibraries(installation.home);
  assert.ok(source, "the engine has contrib modules");
  const directory = await mkdtemp(join(tmpdir(), "matriarch-lib-"));
  await chmod(directory, 0o755);
  const library = join(directory, "lent.so");
  await copyFile(source, library);
  await chmod(library, 0o755);
  return library;
}

async function findLibraries(home: string): Promise<readonly string[]> {
  const places = [process.env["MATRIARCH_ENGINE_CACHE"] ?? "", home].filter((place) => place !== "");
  for (const place of places) {
    const found = (await readdir(place, { recursive: true }).catch(() => [])).filter((path) =>
      path.endsWith("/auto_explain.so"),
    );
    if (found.length > 0) return found.map((path) => join(place, path));
  }
  return [];
}

describe("settings of a primary and its standby", () => {
  let shop: Fixture;
  before(async () => {
    shop = await Fixture.make(2);
  });
  after(() => shop[Symbol.asyncDispose]());

  const changes = async (type: string) => (await shop.cluster.events()).filter((event) => event.type === type);

  test("what binds standbys is raised there first, and lowered on the primary first", async () => {
    await shop.cluster.story(async () => {
      await shop.installation.ok("config", "set", "shop", "max_connections=250", "--restart");
    });
    assert.deepEqual(await shop.shown("max_connections"), ["250", "250"]);
    // By a switchover, or in place where servers start quickly.
    const raised = await shop.cluster.healthy();
    await shop.cluster.story(async () => {
      await shop.installation.ok("config", "unset", "shop", "max_connections", "--restart");
    });
    assert.deepEqual(await shop.shown("max_connections"), ["200", "200"]);
    assert.equal((await shop.cluster.healthy()).primary, raised.primary, "in place");
  });

  test("both ways at once: what is raised is on the standby before the primary has it", async () => {
    const pairs = ["max_connections=150", "max_prepared_transactions=7"];
    await shop.installation.ok("config", "set", "shop", ...pairs, "--restart");
    assert.deepEqual(await shop.shown("max_connections"), ["150", "150"]);
    assert.deepEqual(await shop.shown("max_prepared_transactions"), ["7", "7"]);
    await shop.installation.ok("config", "unset", "shop", "max_connections", "max_prepared_transactions", "--restart");
    assert.deepEqual(await shop.shown("max_connections"), ["200", "200"]);
  });

  test("a plain restart puts what waits for one in force, too, with one turn for each", async () => {
    await shop.installation.ok("config", "set", "shop", "max_connections=150");
    const before = await shop.startedAt();
    const restarts = (await changes("restart.started")).length;
    const said = await shop.installation.ok("restart", "shop");
    assert.match(said, /in force on shop-\d, shop-\d/);
    assert.deepEqual(await shop.shown("max_connections"), ["150", "150"]);
    const after = await shop.startedAt();
    assert.ok(after.every((at) => !before.includes(at)));
    assert.equal((await changes("restart.started")).length, restarts + 1);
    await shop.installation.ok("config", "unset", "shop", "max_connections", "--restart");
  });

  test("no server is started anew for what needs no restart", async () => {
    const before = await shop.startedAt();
    await shop.installation.ok("config", "set", "shop", "work_mem=9MB");
    assert.deepEqual(await shop.shown("work_mem"), ["9MB", "9MB"]);
    assert.deepEqual(await shop.startedAt(), before);
  });

  test("a failover before the restart: whoever is primary, everybody can follow", async () => {
    await shop.installation.ok("config", "set", "shop", "max_connections=230");
    const { primary, epoch } = await shop.cluster.healthy();
    // It comes back with more than its standby has, or hands over to one that has less than it will have itself.
    const { pid } = await shop.cluster.member(primary ?? "");
    assert.ok(pid !== null);
    await endAll([pid]);
    // A look from before its end would still call all of them well.
    await shop.cluster.until("the next epoch", (status) => status.epoch > epoch && status.state === "healthy");
    await shop.installation.ok("restart", "shop", "--pending");
    assert.deepEqual(await shop.shown("max_connections"), ["230", "230"]);
    await shop.installation.ok("config", "unset", "shop", "max_connections", "--restart");
    assert.deepEqual(await shop.shown("max_connections"), ["200", "200"]);
  });

  test("a change in the middle of which the agent is killed goes on with the next one", async () => {
    const ran = shop.run("config", "set", "shop", "max_connections=240", "--restart");
    await until("the change to be written", async () => (await changes("config.changed")).at(-1), {
      withinMs: 20_000,
      seen: () => "no config.changed",
    });
    const { agentPid } = shop.installation;
    assert.ok(agentPid !== undefined);
    await endAll([agentPid]);
    // The command follows across agents; whoever comes next carries on.
    await shop.installation.ok("status", "shop");
    await ran;
    await until(
      "the change to be in force",
      async () => ((await shop.shown("max_connections")).every((value) => value === "240") ? true : undefined),
      { withinMs: 60_000, seen: () => "not yet" },
    );
    await shop.installation.ok("config", "unset", "shop", "max_connections", "--restart");
  });

  test("a member that is down gets it when it comes back, and one that is made later begins with it", async () => {
    await shop.installation.ok("stop", "shop");
    const said = await shop.installation.ok("config", "set", "shop", "max_connections=220", "log_statement=ddl");
    assert.match(said, /shop-1: with its next start/);
    await shop.installation.ok("start", "shop");
    await shop.cluster.healthy();
    await shop.installation.ok("member", "add", "shop");
    assert.deepEqual(await shop.shown("max_connections"), ["220", "220", "220"]);
    assert.deepEqual(await shop.shown("log_statement"), ["ddl", "ddl", "ddl"]);
  });

  test("while automation is paused nothing is changed", async () => {
    await shop.installation.ok("pause", "shop", "--for", "5m");
    await shop.refused(3, /paused/, "config", "set", "shop", "work_mem=10MB");
    await shop.installation.ok("resume", "shop");
    assert.equal((await shop.setting("work_mem")).value, "9 MB");
  });
});
