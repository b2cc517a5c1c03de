/** The agent, the router, or everything dies: servers and sessions do not notice the agent, and all comes back. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createCluster, tell, type Cluster } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { postmasterGroup, signalAll } from "./processes.ts";
import { until } from "./until.ts";

describe("agent, router, everything lost (3 members, quorum)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop");
  });
  after(() => installation[Symbol.asyncDispose]());

  async function postmasters(): Promise<readonly (number | null)[]> {
    return (await cluster.healthy()).members.map(({ pid }) => pid);
  }

  test("agent killed and started again: servers go on, an open session's transaction too", async () => {
    const pids = await postmasters();
    const session = await cluster.connect();
    const backend = async (): Promise<unknown> => (await session.query("SELECT pg_backend_pid() AS pid")).rows;
    const was = await backend();
    await session.query("BEGIN; CREATE TABLE opened (n int); INSERT INTO opened VALUES (1)");
    const since = await cluster.lastEvent();
    await cluster.story(async (writer) => {
      await installation.killAgent();
      await writer.acknowledged(50, 30_000);
      await installation.startAgent();
      await cluster.healthy();
    });
    assert.deepEqual(await postmasters(), pids);
    assert.deepEqual(await backend(), was);
    await session.query("INSERT INTO opened VALUES (2); COMMIT");
    assert.equal((await session.query("SELECT * FROM opened")).rows.length, 2);
    await session.end();
    await cluster.event("server.adopted", since);
  });

  test("agent stopped in order and started again: nothing happens to the servers", async () => {
    const pids = await postmasters();
    const verdict = await cluster.story(async (writer) => {
      await installation.ok("agent", "stop");
      await writer.acknowledged(50, 30_000);
      await installation.startAgent();
    });
    tell("agent stopped and started", verdict);
    assert.deepEqual(await postmasters(), pids);
  });

  test("agent frozen for five seconds: nothing happens", async () => {
    const { epoch } = await cluster.healthy();
    const pids = await postmasters();
    const verdict = await cluster.story(async (writer) => {
      const agent = installation.agentPid ?? 0;
      signalAll([agent], "SIGSTOP");
      await sleep(5000);
      await writer.acknowledged(20, 30_000);
      signalAll([agent], "SIGCONT");
    });
    tell("agent frozen", verdict);
    assert.deepEqual(await postmasters(), pids);
    assert.equal((await cluster.healthy()).epoch, epoch);
  });

  test("primary killed while the agent is dead: the next agent brings the cluster back", async () => {
    const primary = await cluster.primary();
    const since = await cluster.lastEvent();
    await cluster.story(async (writer) => {
      await installation.killAgent();
      await endAll([primary.pid]);
      await installation.startAgent();
      await writer.acknowledged(50, 30_000);
    });
    await cluster.event(["failover.done", "primary.restarted"], since);
  });

  test("router killed: it is back at once", async () => {
    const { pid: primaryPid } = await cluster.primary();
    const since = await cluster.lastEvent();
    const verdict = await cluster.story(async (writer) => {
      const router = installation.routerPid ?? 0;
      const killedAt = performance.now();
      await endAll([router]);
      const connects = async (): Promise<true | undefined> =>
        (await cluster.query("SELECT 1").catch(() => [])).length > 0 ? true : undefined;
      await until("a connection", connects);
      process.stderr.write(
        `router killed: first new connection after ${(performance.now() - killedAt).toFixed(0)} ms\n`,
      );
      await writer.acknowledged(50, 30_000);
    });
    tell("router killed", verdict);
    assert.equal((await cluster.primary()).pid, primaryPid, "the servers must not notice");
    await cluster.event("router.restarted", since);
  });

  test("everything killed at once, as by a power cut: all that was acknowledged is there", async () => {
    const since = await cluster.lastEvent();
    await cluster.story(
      async (writer) => {
        await installation.killEverything();
        await installation.startAgent();
        await writer.acknowledged(50, 30_000);
      },
      { direct: true },
    );
    await cluster.event(["primary.restarted", "failover.done"], since);
  });

  test("everything killed, and the pid files of the servers name other living processes", async () => {
    const { members } = await cluster.healthy();
    await cluster.story(async (writer) => {
      await installation.killEverything();
      for (const [index, member] of members.entries()) {
        // Process 1 belongs to somebody else; the test itself, and a process of this user.
        const foreign = index === 0 ? 1 : process.pid;
        const lines = [
          foreign,
          member.data_directory,
          1,
          member.port,
          member.socket_directory,
          "127.0.0.1",
          " 1 1",
          "ready   ",
        ];
        await writeFile(join(member.data_directory, "postmaster.pid"), `${lines.join("\n")}\n`);
      }
      await installation.startAgent();
      await writer.acknowledged(50, 30_000);
    });
  });

  test("all servers killed at once under load: the last primary, or one with all its log, goes on", async () => {
    const verdict = await cluster.story(
      async (writer) => {
        const { members } = await cluster.healthy();
        await endAll(members.flatMap(({ pid }) => (pid === null ? [] : postmasterGroup(installation.home, pid))));
        await writer.acknowledged(50, 30_000);
      },
      { direct: true },
    );
    tell("all servers killed", verdict);
  });
});
