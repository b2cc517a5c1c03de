/** Extensions whose libraries must be loaded first: enabled with a rolling restart, kept by members that come, left out again. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { extensionListSchema, extensionPlanSchema, type ExtensionList } from "../../src/contract/extensions.ts";
import { operationSchema } from "../../src/contract/cluster.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { until } from "../faults/until.ts";
import { makeInstallation, type Installation, type Ran } from "../faults/installation.ts";

describe("extensions that must be loaded", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop", "--members", "2");
  });
  after(() => installation[Symbol.asyncDispose]());

  const run = (...args: readonly string[]): Promise<Ran> => installation.run(["extension", ...args]);
  const list = async (): Promise<ExtensionList> =>
    extensionListSchema.parse(await installation.api("/v1/clusters/shop/extensions"));
  const pids = async (): Promise<readonly (number | null)[]> =>
    ((await cluster.status())?.members ?? []).map(({ pid }) => pid);
  const loadedBy = async (): Promise<readonly unknown[]> => {
    const { members } = await cluster.healthy();
    const asked = members.map((member) => cluster.query("SHOW shared_preload_libraries", cluster.direct(member)));
    return (await Promise.all(asked)).map(([row]) => row?.["shared_preload_libraries"]);
  };

  async function done(...args: readonly string[]): Promise<string> {
    const ran = await run(...args);
    assert.equal(ran.code, 0, `${args.join(" ")}: ${ran.stdout}\n${ran.stderr}`);
    return ran.stdout;
  }

  test("a library that a session can load costs no restart", async () => {
    const before = await pids();
    assert.match(
      await done("enable", "shop", "auto_explain"),
      /is loaded for all databases\.\n.*auto_explain\.log_min/,
    );
    const [row] = await cluster.query("SELECT current_setting('auto_explain.log_min_duration', true) AS there");
    assert.deepEqual(row, { there: "-1" });
    assert.deepEqual(await pids(), before);
    const names = (await list()).preloaded.map(({ library }) => library);
    assert.deepEqual(names, ["pg_stat_statements", "auto_explain"]);
    const odd = await run("enable", "shop", "auto_explain", "--database", "postgres");
    assert.equal(odd.code, 3);
    assert.match(odd.stderr, /library without an extension(.*\n)*HINT.*Leave --database out/);
    assert.match(await done("disable", "shop", "auto_explain"), /no longer loaded/);
    const again = await run("disable", "shop", "auto_explain");
    assert.equal(again.code, 5);
  });

  test("disabled where nothing else needs it, its library goes with the next restart, or stays when it comes back", async () => {
    const before = await pids();
    const said = await done("disable", "shop", "pg_stat_statements");
    assert.match(said, /^Disabled "pg_stat_statements" in database "postgres"\.\n.*stays loaded until.*restart shop/);
    assert.deepEqual((await list()).preloaded, []);
    assert.deepEqual(await pids(), before);
    await done("enable", "shop", "pg_stat_statements");
    assert.deepEqual((await list()).preloaded, [{ library: "pg_stat_statements", not_on: [] }]);
    assert.deepEqual(await pids(), before);
    await done("disable", "shop", "pg_stat_statements", "--restart");
    assert.deepEqual(await loadedBy(), ["", ""]);
  });

  test("the agent is killed half-way: the same command goes on from what is there", async () => {
    const after = await cluster.lastEvent();
    const asked = run("enable", "shop", "pg_stat_statements", "--restart");
    await cluster.event("config.changed", after);
    await installation.killAgent();
    const ran = await asked;
    assert.notEqual(ran.code, 0, ran.stdout);
    assert.match(ran.stderr, /agent (ended during extension enable|went away)/);
    await installation.startAgent();
    // Members that were being restarted go on being restarted, which is told as such.
    const again = await until("the command to be taken again", async () => {
      const tried = await run("enable", "shop", "pg_stat_statements", "--restart");
      if (tried.code === 0) return tried;
      assert.match(tried.stderr, /busy|under way|no primary|did not confirm|still|running/);
      return undefined;
    });
    assert.match(again.stdout, /"pg_stat_statements"/);
    assert.deepEqual(await loadedBy(), ["pg_stat_statements", "pg_stat_statements"]);
    assert.deepEqual(
      (await list()).enabled.map(({ name }) => name),
      ["pg_stat_statements"],
    );
    await done("disable", "shop", "pg_stat_statements", "--restart");
  });

  test("a cluster that is stopped is told to be, and nothing is changed", async () => {
    await installation.ok("stop", "shop");
    const ran = await run("enable", "shop", "hstore");
    assert.equal(ran.code, 3, ran.stderr);
    assert.match(ran.stderr, /cluster "shop" is stopped(.*\n)*HINT.*matriarch start shop/);
    assert.equal((await run("list", "shop")).code, 3);
    await installation.ok("start", "shop");
  });

  test("enabled only with a restart that is allowed; then every member is restarted, and those to come begin with it", async () => {
    const before = { list: await list(), pids: await pids() };
    const refused = await run("enable", "shop", "pg_stat_statements");
    assert.equal(refused.code, 3, refused.stderr);
    assert.match(refused.stderr, /must be loaded when a server starts.*restarted(.*\n)*HINT.*--restart/);
    assert.deepEqual({ list: await list(), pids: await pids() }, before, "nothing was changed");
    const plan = extensionPlanSchema.parse(
      await installation.json("extension", "enable", "shop", "pg_stat_statements", "--dry-run"),
    );
    assert.deepEqual(plan.settings, { shared_preload_libraries: "pg_stat_statements" });
    assert.deepEqual(plan.restart.toSorted(), ["shop-1", "shop-2"]);
    const told = ["extension", "enable", "shop", "pg_stat_statements", "--restart"];
    const operation = operationSchema.parse(await installation.json(...told));
    assert.equal(operation.state, "done");
    assert.deepEqual(await loadedBy(), ["pg_stat_statements", "pg_stat_statements"]);
    await installation.ok("member", "add", "shop");
    assert.deepEqual((await loadedBy()).length, 3);
    assert.deepEqual((await list()).preloaded, [{ library: "pg_stat_statements", not_on: [] }]);
    await installation.ok("switchover", "shop");
    const [row] = await cluster.query("SELECT count(*) > 0 AS counts FROM pg_stat_statements");
    assert.deepEqual(row, { counts: true });
  });
});
