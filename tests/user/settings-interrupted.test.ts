/**
 * Changes that restart members, and the agent is killed in the middle of those restarts: after the first member has come
 * back, and before the last. The next agent goes on to the end and tells it, or says what to type.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { operationSchema } from "../../src/contract/cluster.ts";
import type { Ran } from "../faults/installation.ts";
import { processesIn } from "../faults/processes.ts";
import { until } from "../faults/until.ts";
import { Fixture } from "./settings-fixture.ts";

describe("a change with restarts (3 members), its agent killed between two of them", () => {
  let shop: Fixture;
  before(
    async () => {
      shop = await Fixture.make(3);
    },
    { timeout: 60_000 },
  );
  after(() => shop?.[Symbol.asyncDispose]());

  const pids = async (): Promise<ReadonlyMap<string, number | null>> =>
    new Map((await shop.cluster.healthy()).members.map(({ id, pid }) => [id, pid]));

  /** @returns what the command came to, which follows its operation from agent to agent */
  async function killedBetween(...command: readonly string[]): Promise<Ran> {
    const before = await pids();
    const asked = shop.run(...command);
    await until("the first member to be another process", async () => {
      const members = (await shop.cluster.status())?.members ?? [];
      return members.some(({ id, pid }) => pid !== null && pid !== before.get(id)) ? true : undefined;
    });
    await shop.installation.killAgent();
    const left = pidsNow().filter((pid) => [...before.values()].includes(pid));
    assert.ok(left.length > 0, "it was killed before the last had its turn");
    await shop.installation.startAgent();
    return asked;
  }

  /** Without an agent nobody else can say. */
  function pidsNow(): readonly number[] {
    return processesIn(shop.installation.home)
      .filter(({ command }) => command.includes("/postgres -D "))
      .map(({ pid }) => pid);
  }

  async function goesOn(...command: readonly string[]): Promise<void> {
    const since = await shop.cluster.lastEvent();
    const ran = await killedBetween(...command, "--json");
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.equal(operationSchema.parse(JSON.parse(ran.stdout)).state, "done");
    assert.equal((await told(since)).filter((type) => type === "config.applied").length, 1);
  }

  const told = async (since: number): Promise<readonly string[]> =>
    (await shop.cluster.events()).filter(({ id }) => id > since).map(({ type }) => type);

  test("config set: goes on, and is told as in force", { timeout: 180_000 }, async () => {
    await goesOn("config", "set", "shop", "max_connections=240", "--restart");
    assert.deepEqual(await shop.shown("max_connections"), ["240", "240", "240"]);
  });

  test("restart --pending: goes on, and the change is told as in force", { timeout: 180_000 }, async () => {
    await shop.installation.ok("config", "set", "shop", "max_connections=250", "--no-restart");
    await goesOn("restart", "shop", "--pending");
    assert.deepEqual(await shop.shown("max_connections"), ["250", "250", "250"]);
  });

  test("scale: goes on, and is told as in force", { timeout: 180_000 }, async () => {
    await goesOn("scale", "shop", "--memory", "300MB", "--no-limit", "--restart");
    const sizes = await shop.shown("shared_buffers");
    assert.deepEqual(sizes, ["32MB", "32MB", "32MB"]);
  });

  test("extension enable: says what to type, and that completes it", { timeout: 180_000 }, async () => {
    const command = ["extension", "enable", "shop", "auth_delay", "--restart"];
    const ran = await killedBetween(...command);
    assert.notEqual(ran.code, 0, ran.stdout);
    assert.match(ran.stderr, /ended during extension enable(.*\n)*HINT: {2}Give the same command again/);
    await shop.cluster.healthy();
    await shop.installation.ok(...command);
    assert.deepEqual(await shop.shown("auth_delay.milliseconds"), ["0", "0", "0"]);
    assert.deepEqual((await shop.setting("shared_preload_libraries")).differs, []);
  });
});
