/** `connect` against a real server: by psql and by the prompt of its own, with psql's exit codes. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";

import { startPostgres, type TestPostgres } from "../fixtures/postgres.ts";
import { createHarness, type Harness, type RunOptions } from "./harness.ts";

let harness: Harness;
let postgres: TestPostgres;
const hasPsql = (() => {
  try {
    return execFileSync("sh", ["-c", "command -v psql"], { encoding: "utf8" }).trim() !== "";
  } catch {
    return false;
  }
})();

before(async () => {
  postgres = await startPostgres();
  harness = await createHarness();
  const shop = harness.installation.clusters.get("shop");
  assert.ok(shop);
  const members = shop.members.map((member) => ({
    ...member,
    socket_directory: postgres.directory,
    port: postgres.port,
  }));
  harness.installation.update("shop", { members });
});
after(async () => {
  await harness[Symbol.asyncDispose]();
  await postgres.remove();
});

/** Without psql on the path; Node is called by its full path. */
const withoutPsql = { PATH: dirname(process.execPath) };

for (const [how, env, skip] of [
  ["psql", {}, !hasPsql],
  ["own", withoutPsql, false],
] as const) {
  const run = (args: readonly string[], options: RunOptions = {}) => harness.run(args, { ...options, env });

  describe(`connect, ${how}`, { skip: skip && "psql is not installed" }, () => {
    test("-c prints what psql prints", async () => {
      const ran = await run(["connect", "shop", "-c", "select 1 as one, 'a' as two"]);
      assert.deepEqual(
        [ran.code, ran.stdout.trimEnd()],
        [0, " one | two \n-----+-----\n   1 | a\n(1 row)"],
        ran.stderr,
      );
    });

    test("-c that fails: exit code 1, the error with its line", async () => {
      const ran = await run(["connect", "shop", "-c", "select\n nope"]);
      assert.equal(ran.code, 1);
      assert.match(ran.stderr, /^ERROR: {2}column "nope" does not exist\nLINE 2: {2}nope\n {9}\^/);
    });

    test("-c again: one after the other in one session, up to the first that fails", async () => {
      const commands = ["create temp table t (id int)", "insert into t values (1), (2)", "select 'a,b' as two", "nope"];
      const ran = await run(["connect", "shop", ...[...commands, "select 3"].flatMap((sql) => ["-c", sql])]);
      assert.equal(ran.code, 1);
      assert.equal(ran.stdout, "CREATE TABLE\nINSERT 0 2\n two \n-----\n a,b\n(1 row)\n\n");
      assert.match(ran.stderr, /syntax error at or near "nope"/);
    });

    test("-d and -U as psql has them", async () => {
      const ran = await run([
        "connect",
        "shop",
        "-U",
        "postgres",
        "-d",
        "template1",
        "-c",
        "select current_database()",
      ]);
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stdout, /template1/);
    });

    test("stdin: statement by statement, exit code 3 at the first error, and nothing after it", async () => {
      const input = "create temp table t (id int);\ninsert into t values (1), (2);\nselect 1/0;\nselect 'after';\n";
      const ran = await run(["connect", "shop"], { input });
      assert.equal(ran.code, 3);
      assert.equal(ran.stdout, "CREATE TABLE\nINSERT 0 2\n");
      assert.match(ran.stderr, /division by zero/);
    });

    test("stdin: dollar quotes and notices", async () => {
      const ran = await run(["connect", "shop"], { input: "do $$ begin raise notice 'a; b'; end $$; select 2 as two" });
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stderr, /NOTICE: {2}a; b/);
      assert.match(ran.stdout, /^DO\n two /);
    });

    test("a session that the server ends: exit code 2", async () => {
      const sql = "select pg_terminate_backend(pg_backend_pid());\nselect 1;\n";
      assert.equal((await run(["connect", "shop"], { input: sql })).code, 2);
    });
  });
}

test("connect --json: rows as a document, values as Postgres wrote them", async () => {
  const ran = await harness.run([
    "connect",
    "shop",
    "--json",
    "-c",
    "select 9007199254740993 as big, null as none; select 1.10",
  ]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(JSON.parse(ran.stdout), [
    { command: "SELECT 1", columns: ["big", "none"], rows: [["9007199254740993", null]] },
    { command: "SELECT 1", columns: ["?column?"], rows: [["1.10"]] },
  ]);
});

test(
  "connect -- psql's arguments go to psql; without psql they are refused",
  { skip: !hasPsql && "psql is not installed" },
  async () => {
    const ran = await harness.run(["connect", "shop", "-c", "select 1, 2", "--", "-A", "-t"]);
    assert.deepEqual([ran.code, ran.stdout], [0, "1|2\n"], ran.stderr);
    assert.equal((await harness.run(["connect", "shop", "--", "-A"], { env: withoutPsql })).code, 3);
  },
);

test("connect to a stopped cluster says how to start it", async () => {
  await using own = await createHarness();
  own.installation.update("shop", { state: "stopped", primary: null });
  const ran = await own.run(["connect", "shop", "-c", "select 1"]);
  assert.equal(ran.code, 3);
  assert.match(ran.stderr, /HINT: {2}Start it with: matriarch start shop/);
});
