/** The ledger of pauses as a user reads it: what is asked for, what breaks, and what happens while no agent runs. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { downtimeSchema, type Downtime, type Pause } from "../../src/contract/downtime.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { endAll, makeInstallation, type Installation } from "../faults/installation.ts";

describe("the ledger of pauses (1 member)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop", "--members", "1");
  });
  after(() => installation[Symbol.asyncDispose]());

  const ledger = async (): Promise<Downtime> =>
    downtimeSchema.parse(await installation.json("events", "shop", "--downtime"));

  async function last(): Promise<Pause> {
    const pause = (await ledger()).pauses.at(-1);
    assert.ok(pause);
    return pause;
  }

  test("nothing yet: the making of a cluster is no pause", async () => {
    const { pauses, availability_percent: available } = await ledger();
    assert.deepEqual([pauses, available], [[], 100]);
    assert.match(await installation.ok("events", "shop", "--downtime"), /^Writes have not paused.*100 % available/);
  });

  test("a restart of the only member is one pause, in place, by whoever asked", async () => {
    const operation = await installation.ok("restart", "shop");
    assert.match(operation, /shop-1 restarted/);
    const { why, by, to, ms } = await last();
    assert.deepEqual([why, by, to !== null], ["restart", process.env["USER"] ?? by, true]);
    assert.ok(ms > 0 && ms < 60_000, String(ms));
  });

  test("stopped as asked: it lasts, over an agent's restart too, and counts neither way", async () => {
    await installation.ok("stop", "shop");
    await installation.killAgent();
    await installation.startAgent();
    const { to, why } = await last();
    assert.deepEqual([to, why], [null, "stop"]);
    await installation.ok("start", "shop");
    await cluster.healthy();
    const { pauses, stopped_ms: stopped } = await ledger();
    const [restart, stop] = pauses;
    assert.deepEqual(
      pauses.map((pause) => [pause.why, pause.to !== null]),
      [
        ["restart", true],
        ["stop", true],
      ],
    );
    assert.ok(restart && stop && stopped >= stop.ms - 1000, JSON.stringify({ stopped, stop }));
  });

  test("the server is killed: the pause is told with its cause", async () => {
    const since = await cluster.lastEvent();
    await endAll([(await cluster.primary()).pid]);
    await cluster.event("writes.paused", since);
    const { why, by } = await last();
    assert.deepEqual([why, by], ["crash", "matriarch"]);
  });

  test("the server is killed while no agent runs: it counts from before the next agent", async () => {
    await cluster.healthy();
    const { pid } = await cluster.primary();
    const since = await cluster.lastEvent();
    await installation.killAgent();
    await endAll([pid]);
    const startedAt = Date.now();
    await installation.startAgent();
    await cluster.event("writes.paused", since);
    const pause = await last();
    assert.equal(pause.why, "crash");
    assert.ok(Date.parse(pause.from) < startedAt, `${pause.from} is after the agent's start`);
  });

  test("refused: what is no moment", async () => {
    for (const since of ["yesterday", "-3", "2999-01-01", "'; x"]) {
      const ran = await installation.run(["events", "shop", "--downtime", `--since=${since}`]);
      assert.equal(ran.code, 2, ran.stdout);
    }
    assert.equal((await ledger()).pauses.length, 4);
    assert.match(await installation.ok("events", "shop", "--downtime", "--since", "1s"), /available|have not paused/);
  });
});
