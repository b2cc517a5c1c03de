/** What an operator asks for, under load: nothing acknowledged is lost, and a change that fails leaves a primary. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createCluster, tell, type Cluster } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { postmasterGroup, processesIn, signalAll } from "./processes.ts";
import { until } from "./until.ts";

describe("operations under load (3 members, quorum)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop");
  });
  after(() => installation[Symbol.asyncDispose]());

  const begun = (): Promise<unknown> =>
    cluster.until("an operation to have begun", ({ operation }) => operation !== null, 20_000);

  test("switchover: the pause is short, no write is lost, sessions are only cut", async () => {
    const { epoch } = await cluster.healthy();
    const since = await cluster.lastEvent();
    const verdict = await cluster.story(async (writer) => {
      await installation.ok("switchover", cluster.name);
      await writer.acknowledged(50, 30_000);
    });
    tell("switchover", verdict);
    assert.equal(verdict.refused, 0, "a switchover must refuse no write");
    assert.equal((await cluster.healthy()).epoch, epoch + 1);
    const done = await cluster.event("switchover.done", since);
    assert.ok(done.duration_ms !== null && done.duration_ms < 20_000, `pause ${done.duration_ms}`);
  });

  test("switchover: a primary that takes two seconds to stop is not taken for frozen, and hands over in order", async () => {
    await cluster.healthy();
    const { pid } = await cluster.primary();
    const ofServer = processesIn(installation.home).filter(({ parent, pid: own }) => own === pid || parent === pid);
    const directory = ofServer.find(({ pid: own }) => own === pid)?.cwd ?? assert.fail("no directory");
    // A server ends when its archiver has.
    const archiver = ofServer.find(({ command }) => command.includes("archiver")) ?? assert.fail("no archiver");
    const isStopping = async (): Promise<true | undefined> =>
      (await readFile(join(directory, "postmaster.pid"), "utf8")).includes("stopping") ? true : undefined;
    const since = await cluster.lastEvent();
    const verdict = await cluster.story(async (writer) => {
      signalAll([archiver.pid], "SIGSTOP");
      const asked = installation.ok("switchover", cluster.name);
      try {
        await until("the server to stop", isStopping);
        await sleep(2000);
      } finally {
        signalAll([archiver.pid], "SIGCONT");
      }
      await asked;
      await writer.acknowledged(50, 30_000);
    });
    tell("switchover of a slow primary", verdict);
    assert.equal(verdict.refused, 0);
    await cluster.event("switchover.done", since);
    const types = (await cluster.events()).filter(({ id }) => id > since).map(({ type }) => type);
    for (const type of ["primary.frozen", "failover.started"]) assert.ok(!types.includes(type), types.join(" "));
  });

  test("switchover --to: the named member becomes the primary; --dry-run only tells", async () => {
    const { id } = await cluster.standby();
    const { epoch } = await cluster.healthy();
    const verdicts = await installation.ok("switchover", cluster.name, "--to", id, "--dry-run");
    assert.match(verdicts, new RegExp(id));
    assert.equal((await cluster.healthy()).epoch, epoch);
    await cluster.story(async (writer) => {
      await installation.ok("switchover", cluster.name, "--to", id);
      await writer.acknowledged(50, 30_000);
    });
    assert.equal((await cluster.primary()).id, id);
  });

  test("ten switchovers in a row under load", async () => {
    const verdict = await cluster.story(async (writer) => {
      for (let turn = 0; turn < 10; turn += 1) {
        await cluster.healthy();
        await installation.ok("switchover", cluster.name);
        await writer.acknowledged(10, 15_000);
      }
    });
    tell("ten switchovers", verdict);
  });

  test("switchover whose target is frozen at once: there is a primary in the end (I7)", async () => {
    const target = await cluster.standby();
    const since = await cluster.lastEvent();
    await cluster.story(async (writer) => {
      const asked = installation.run(["switchover", cluster.name, "--to", target.id]);
      await Promise.race([begun(), asked]);
      signalAll(postmasterGroup(installation.home, target.pid), "SIGSTOP");
      await asked;
      await writer.acknowledged(50, 30_000);
    });
    await cluster.event(["switchover.failed", "failover.done", "switchover.done"], since);
  });

  test("switchover whose target is killed in the middle: there is a primary in the end (I7)", async () => {
    for (const afterMs of [0, 60, 120, 180]) {
      const target = await cluster.standby();
      await cluster.story(async (writer) => {
        const asked = installation.run(["switchover", cluster.name, "--to", target.id]);
        await Promise.race([begun(), asked]);
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        await endAll([target.pid]);
        await asked;
        await writer.acknowledged(50, 30_000);
      });
    }
  });

  test("switchover while a standby is down: the other one is chosen", async () => {
    const [down, up] = await cluster.standbys();
    assert.ok(down && up);
    await cluster.story(async (writer) => {
      signalAll(postmasterGroup(installation.home, down.pid), "SIGSTOP");
      const ran = await installation.run(["switchover", cluster.name]);
      assert.equal(ran.code, 0, ran.stderr);
      await writer.acknowledged(50, 30_000);
    });
    assert.equal((await cluster.primary()).id, up.id);
  });

  test("failover of a healthy primary: refused, done with --force", async () => {
    const primary = await cluster.primary();
    const refused = await installation.run(["failover", cluster.name, "--yes"]);
    assert.equal(refused.code, 3, refused.stderr);
    assert.match(refused.stderr, /is healthy/);
    const verdict = await cluster.story(
      async (writer) => {
        await installation.ok("failover", cluster.name, "--force", "--yes");
        await writer.acknowledged(50, 30_000);
      },
      { direct: true },
    );
    tell("failover --force", verdict);
    assert.notEqual((await cluster.primary()).id, primary.id);
  });

  test("restart: every server is another process afterwards, one at a time", async () => {
    const pids = (await cluster.healthy()).members.map(({ pid }) => pid);
    const since = await cluster.lastEvent();
    const verdict = await cluster.story(async (writer) => {
      await installation.ok("restart", cluster.name);
      await writer.acknowledged(50, 30_000);
    });
    tell("rolling restart", verdict);
    const now = (await cluster.healthy()).members.map(({ pid }) => pid);
    assert.deepEqual(
      now.filter((pid) => pids.includes(pid)),
      [],
    );
    await cluster.event("restart.done", since);
  });

  test("a second change meanwhile is told what is under way, not that members are not well", async () => {
    await cluster.healthy();
    const first = installation.run(["restart", cluster.name]);
    await cluster.until("a member's turn", ({ operation, members }) => {
      return operation !== null && members.some(({ role, state }) => role === "standby" && state !== "streaming");
    });
    for (const [path, body] of [
      ["restart", {}],
      ["switchover", {}],
      ["settings", { set: { max_connections: "77" }, restart: true }],
    ] as const)
      assert.match(
        await asked(path, body),
        /"code":"busy","message":"cluster \\"shop\\" is busy: restart is under way/,
      );
    assert.equal((await first).code, 0);
  });

  async function asked(path: string, body: object): Promise<string> {
    const headers = { "content-type": "application/json" };
    const socketPath = join(installation.home, "agent.sock");
    const sent = request({ socketPath, path: `/v1/clusters/shop/${path}`, method: "POST", headers });
    sent.end(JSON.stringify(body));
    const [response]: IncomingMessage[] = await once(sent, "response");
    return response === undefined ? "" : text(response);
  }

  test("restart --member: only this one", async () => {
    const standby = await cluster.standby();
    const primary = await cluster.primary();
    await cluster.story(async () => {
      await installation.ok("restart", cluster.name, "--member", standby.id);
    });
    assert.notEqual((await cluster.member(standby.id)).pid, standby.pid);
    assert.equal((await cluster.member(primary.id)).pid, primary.pid);
  });

  test("pause: no failover while it lasts; after resume the cluster recovers", async () => {
    const { epoch } = await cluster.healthy();
    const primary = await cluster.primary();
    const since = await cluster.lastEvent();
    await cluster.story(async (writer) => {
      await installation.ok("pause", cluster.name, "--for", "1min");
      await endAll([primary.pid]);
      await new Promise((resolve) => setTimeout(resolve, 4000));
      assert.equal((await cluster.status())?.epoch, epoch, "nothing may fail over in a pause");
      await installation.ok("resume", cluster.name);
      await writer.acknowledged(50, 30_000);
    });
    await cluster.event("cluster.paused", since);
    await cluster.event("cluster.resumed", since);
  });

  test("stop and start: clients are told, all is there afterwards", async () => {
    await cluster.story(async (writer) => {
      await installation.ok("stop", cluster.name);
      const stopped = await cluster.until("stopped", ({ state }) => state === "stopped");
      assert.deepEqual(
        stopped.members.map(({ pid }) => pid),
        [null, null, null],
      );
      await assert.rejects(cluster.query("SELECT 1"), /is stopped/);
      await installation.ok("start", cluster.name);
      await writer.acknowledged(50, 30_000);
    });
  });

  test("member reclone, add and remove", async () => {
    const standby = await cluster.standby();
    await cluster.story(
      async (writer) => {
        await installation.ok("member", "reclone", cluster.name, standby.id);
        assert.equal((await cluster.member(standby.id)).incarnation, standby.incarnation + 1);
        await installation.ok("member", "add", cluster.name);
        await cluster.until("four members", ({ state, members }) => state === "healthy" && members.length === 4);
        await installation.ok("member", "remove", cluster.name, standby.id, "--yes");
        await cluster.until("three members", ({ state, members }) => state === "healthy" && members.length === 3);
        await writer.acknowledged(50, 30_000);
      },
      { withinMs: 90_000 },
    );
  });

  test("scale 3 to 5 to 1 to 3", async () => {
    const verdict = await cluster.story(async (writer) => {
      for (const count of [5, 1, 3]) {
        await installation.ok("scale", cluster.name, "--members", String(count), "--yes");
        await cluster.until(
          `${count} members`,
          ({ state, members, rule }) =>
            state === "healthy" && members.length === count && rule.voters.length === count - 1,
        );
        await writer.acknowledged(20, 30_000);
      }
    });
    tell("scale 3, 5, 1, 3", verdict);
  });

  test("user rotate: the old password ends, the new one works", async () => {
    const printed = await installation.json("user", "rotate", cluster.name);
    assert.ok(typeof printed === "object" && printed !== null && "password" in printed && "uri" in printed);
    const fresh = await cluster.connect({ ...cluster.target(), password: String(printed.password) });
    await fresh.end();
    await assert.rejects(cluster.query("SELECT 1"), /password authentication failed/);
  });
});
