/**
 * Former primaries whose log went another way, and copies that are cut short: they come back by rewind where the engine
 * has it, else by a new copy, and the last good directory is never deleted (I9).
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import { createCluster, tell, type Cluster, type Running } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { postmasterGroup, processesIn, signalAll } from "./processes.ts";
import { until } from "./until.ts";

for (const engine of ["embedded", "system"] as const) {
  const skip = engine === "embedded" || existsSync("/usr/lib/postgresql") ? false : "no Postgres is installed";

  describe(`former primary that diverged (3 members, ${engine} engine)`, { skip }, () => {
    let installation: Installation;
    let cluster: Cluster;

    before(async () => {
      installation = await makeInstallation();
      cluster = await createCluster(installation, "shop", "--engine", engine);
      await cluster.query(
        "CREATE TABLE ballast AS SELECT n, repeat('x', 500) AS t FROM generate_series(1, 60000) AS n",
      );
    });
    after(() => installation[Symbol.asyncDispose]());

    /** Its walsenders stop, so that what it writes from now on reaches nobody; then it is lost with that log. */
    async function diverge(primary: Running): Promise<void> {
      const walsenders = processesIn(installation.home).filter(
        ({ parent, command }) => parent === primary.pid && command.includes("walsender"),
      );
      signalAll(
        walsenders.map(({ pid }) => pid),
        "SIGSTOP",
      );
      const session = await cluster.connect(cluster.direct(primary));
      await session.query(
        "SET synchronous_commit = local; INSERT INTO ballast SELECT n, 'unseen' FROM generate_series(1, 2000) AS n",
      );
      await endAll(postmasterGroup(installation.home, primary.pid));
      await session.end().catch(() => undefined);
    }

    test("it is brought back, without what only it had", async () => {
      const primary = await cluster.primary();
      const since = await cluster.lastEvent();
      const verdict = await cluster.story(async (writer) => {
        await diverge(primary);
        await writer.acknowledged(50, 30_000);
      });
      tell(`diverged, ${engine}`, verdict);
      const back = await cluster.event("standby.rejoined", since, primary.id);
      assert.match(back.message, engine === "system" ? /rewind/ : /clone/);
      const unseen = "SELECT count(*)::int AS n FROM ballast WHERE t = 'unseen'";
      assert.deepEqual(await cluster.query(unseen), [{ n: 0 }]);
      assert.deepEqual(await cluster.query(unseen, cluster.direct(primary)), [{ n: 0 }]);
      assert.equal((await cluster.member(primary.id)).incarnation, primary.incarnation + 1);
      await until("the old directory to be gone", async () => {
        const left = await readdir(dirname(primary.data_directory));
        return left.some((name) => /^data\.(new|ready|kept)$/.test(name)) ? undefined : true;
      });
    });

    test("five kills under load, with everything of the server at once", async () => {
      const verdict = await cluster.story(
        async (writer) => {
          for (let turn = 0; turn < 5; turn += 1) {
            await cluster.healthy();
            await writer.acknowledged(30, 30_000);
            await endAll(postmasterGroup(installation.home, (await cluster.primary()).pid));
            await writer.acknowledged(30, 30_000);
          }
        },
        { direct: true, connections: 6, withinMs: 90_000 },
      );
      tell(`five kills, ${engine}`, verdict);
    });

    test("the agent is killed while the member is brought back: the next one finishes it", async () => {
      for (const afterMs of [0, 40, 120]) {
        const primary = await cluster.primary();
        await cluster.story(async (writer) => {
          await diverge(primary);
          await cluster.until("its rebuild", ({ members }) =>
            members.some(
              ({ id, state, incarnation }) =>
                id === primary.id &&
                (state === "cloning" || state === "rewinding" || incarnation > primary.incarnation),
            ),
          );
          await new Promise((resolve) => setTimeout(resolve, afterMs));
          await installation.killAgent();
          await installation.startAgent();
          await writer.acknowledged(50, 30_000);
        });
        assert.equal((await cluster.member(primary.id)).role, "standby");
      }
    });

    test("the copy's source is killed in the middle: there is a primary, and the copy is made from it", async () => {
      const standby = await cluster.standby();
      const primary = await cluster.primary();
      await cluster.story(async (writer) => {
        const asked = installation.run(["member", "reclone", cluster.name, standby.id]);
        await Promise.race([
          asked,
          cluster.until("the copy", ({ members }) => members.some(({ state }) => state === "cloning")),
        ]);
        await endAll([primary.pid]);
        await asked;
        await writer.acknowledged(50, 30_000);
      });
    });
  });
}
