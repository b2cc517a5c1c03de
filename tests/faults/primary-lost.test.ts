/** The primary's server is killed, frozen, deposed: another takes over, nothing acknowledged is lost, it comes back. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { createCluster, tell, type Cluster } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { isAlive, postmasterGroup, signalAll } from "./processes.ts";
import { until } from "./until.ts";

describe("primary lost (3 members, quorum)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop");
  });
  after(() => installation[Symbol.asyncDispose]());

  test("postmaster killed: a standby takes over, or the former primary that is back first", async () => {
    const primary = await cluster.primary();
    const since = await cluster.lastEvent();
    const verdict = await cluster.story(
      async (writer) => {
        await endAll([primary.pid]);
        await writer.acknowledged(50, 30_000);
      },
      { direct: true },
    );
    tell("postmaster killed", verdict);
    const done = await cluster.event(["failover.done", "primary.restarted"], since);
    // Its log is ahead of all others': when it is up again before they have elected, they elect it (P5).
    if (done.type === "primary.restarted") return assert.equal(done.member, primary.id);
    assert.notEqual(done.member, primary.id);
    assert.match(done.message, new RegExp(`took over from "${primary.id}"`));
    await cluster.event(["standby.rejoined"], since, primary.id);
    return assert.equal((await cluster.member(primary.id)).role, "standby");
  });

  test("ten failovers in a row under load", async () => {
    const verdict = await cluster.story(
      async (writer) => {
        for (let turn = 1; turn <= 10; turn += 1) {
          const before = await cluster.healthy();
          const primary = await cluster.primary();
          await endAll([primary.pid]);
          await cluster.until("the next primary", ({ epoch, primary: next }) => epoch > before.epoch && next !== null);
          await writer.acknowledged(20, 30_000);
        }
      },
      { direct: true },
    );
    tell("ten failovers", verdict);
  });

  test("a backend killed: nothing acknowledged is lost, the cluster serves on", async () => {
    const since = await cluster.lastEvent();
    await cluster.story(async (writer) => {
      const client = await cluster.connect();
      const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      await endAll([rows[0]?.pid ?? 0]);
      await writer.acknowledged(50, 30_000);
    });
    await cluster.event(["failover.done", "primary.restarted"], since);
  });

  test("postmaster frozen, thawed later: the deposed server acknowledges nothing more and comes back", async () => {
    const primary = await cluster.primary();
    const since = await cluster.lastEvent();
    const verdict = await cluster.story(
      async (writer) => {
        signalAll([primary.pid], "SIGSTOP");
        await cluster.event("failover.done", since);
        await writer.acknowledged(50, 30_000);
        signalAll([primary.pid], "SIGCONT");
      },
      { direct: true },
    );
    tell("postmaster frozen", verdict);
    await cluster.event("primary.frozen", since, primary.id);
  });

  test("the whole server frozen, thawed later", async () => {
    const primary = await cluster.primary();
    const since = await cluster.lastEvent();
    const group = postmasterGroup(installation.home, primary.pid);
    const verdict = await cluster.story(
      async (writer) => {
        signalAll(group, "SIGSTOP");
        await cluster.event("failover.done", since);
        await writer.acknowledged(50, 30_000);
        signalAll(group, "SIGCONT");
      },
      { direct: true },
    );
    tell("whole server frozen", verdict);
    await cluster.event("primary.frozen", since, primary.id);
    await until("the frozen server to be gone", () => (isAlive(primary.pid) ? undefined : true));
  });

  test("its data directory deleted while it runs: the cluster goes on, the member gets a new copy", async () => {
    const primary = await cluster.primary();
    const since = await cluster.lastEvent();
    await cluster.story(async (writer) => {
      await rm(primary.data_directory, { recursive: true, force: true });
      await cluster.event("failover.done", since);
      await writer.acknowledged(50, 30_000);
    });
    await cluster.event("directory.lost", since, primary.id);
    await cluster.event(["standby.rejoined"], since, primary.id);
  });
});
