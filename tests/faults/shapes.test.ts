/** Clusters of one and two members, and durability strict: what they survive, and what they must not do. */
import assert from "node:assert/strict";
import { rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createCluster, tell, type Cluster } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { postmasterGroup, signalAll } from "./processes.ts";

describe("other shapes", () => {
  let installation: Installation;

  before(async () => {
    installation = await makeInstallation();
  });
  after(() => installation[Symbol.asyncDispose]());

  const groups = (members: readonly { pid: number }[]): readonly number[] =>
    members.flatMap(({ pid }) => postmasterGroup(installation.home, pid));

  describe("one member", () => {
    let cluster: Cluster;
    before(async () => {
      cluster = await createCluster(installation, "solo", "--members", "1");
    });
    after(() => installation.ok("destroy", "solo", "--yes"));

    test("killed: it starts again in place", async () => {
      const since = await cluster.lastEvent();
      const verdict = await cluster.story(async (writer) => {
        await endAll([(await cluster.primary()).pid]);
        await writer.acknowledged(50, 30_000);
      });
      tell("one member killed", verdict);
      await cluster.event("primary.restarted", since);
    });

    test("frozen: it starts again in place", async () => {
      const since = await cluster.lastEvent();
      await cluster.story(async (writer) => {
        signalAll(groups([await cluster.primary()]), "SIGSTOP");
        await writer.acknowledged(50, 30_000);
      });
      await cluster.event("primary.frozen", since);
    });

    test("switchover and failover are refused", async () => {
      for (const verb of ["switchover", "failover"]) {
        const ran = await installation.run(
          [verb, "solo", "--force", "--yes"].filter((flag) => verb !== "switchover" || flag !== "--force"),
        );
        assert.equal(ran.code, 3, ran.stderr);
      }
    });
  });

  describe("two members", () => {
    let cluster: Cluster;
    before(async () => {
      cluster = await createCluster(installation, "pair", "--members", "2");
    });
    after(() => installation.ok("destroy", "pair", "--yes"));

    test("standby lost: commits go on without it after a while, and wait for it again when it is back", async () => {
      const since = await cluster.lastEvent();
      const verdict = await cluster.story(async (writer) => {
        const standby = await cluster.standby();
        await installation.ok("pause", "pair", "--for", "1min");
        await endAll(groups([standby]));
        await installation.ok("resume", "pair");
        await writer.acknowledged(50, 30_000);
      });
      tell("two members, standby lost", verdict);
      await cluster.until("its voter back", ({ rule }) => rule.acks === 1 && rule.voters.length === 1);
      await cluster.event(["standby.rejoined"], since);
    });

    test("standby's directory lost while it is down: the primary goes on alone until the copy streams", async () => {
      const standby = await cluster.standby();
      const since = await cluster.lastEvent();
      await cluster.story(async (writer) => {
        await rm(standby.data_directory, { recursive: true, force: true });
        await endAll(groups([standby]));
        await writer.acknowledged(50, 30_000);
      });
      await cluster.event("rule.degraded", since);
      await cluster.event("rule.restored", since);
    });

    test("primary lost: the standby takes over alone, the other one comes back", async () => {
      const primary = await cluster.primary();
      const since = await cluster.lastEvent();
      const verdict = await cluster.story(
        async (writer) => {
          await endAll([primary.pid]);
          await writer.acknowledged(50, 30_000);
        },
        { direct: true },
      );
      tell("two members, primary lost", verdict);
      await cluster.event(["failover.done", "primary.restarted"], since);
    });

    test("primary frozen: the standby takes over alone", async () => {
      const primary = await cluster.primary();
      const frozen = groups([primary]);
      const since = await cluster.lastEvent();
      const verdict = await cluster.story(
        async (writer) => {
          signalAll(frozen, "SIGSTOP");
          await cluster.event("failover.done", since);
          await writer.acknowledged(50, 30_000);
          signalAll(frozen, "SIGCONT");
        },
        { direct: true },
      );
      tell("two members, primary frozen", verdict);
    });
  });

  describe("three members, both standbys lost", () => {
    /** Both standbys are killed, and cannot be started as long as `work` takes: there is no place for their logs. */
    async function withoutStandbys(cluster: Cluster, work: () => Promise<void>): Promise<void> {
      const standbys = await cluster.standbys();
      const logs = standbys.map(({ data_directory }) => join(dirname(data_directory), "log"));
      for (const log of logs) {
        await rename(log, `${log}.aside`);
        await writeFile(log, "");
      }
      await endAll(groups(standbys));
      try {
        await work();
      } finally {
        for (const log of logs) {
          await rm(log);
          await rename(`${log}.aside`, log);
        }
      }
    }

    test("quorum: it degrades with an event and goes on, and waits for them again in the end", async () => {
      const cluster = await createCluster(installation, "trio");
      const since = await cluster.lastEvent();
      const verdict = await cluster.story(async (writer) => {
        await withoutStandbys(cluster, async () => {
          await cluster.event("rule.degraded", since);
          await writer.acknowledged(50, 30_000);
        });
      });
      tell("quorum, both standbys lost", verdict);
      await cluster.event("rule.restored", since);
      await installation.ok("destroy", "trio", "--yes");
    });

    test("strict: writes wait and are not acknowledged until a standby is back", async () => {
      const cluster = await createCluster(installation, "firm", "--durability", "strict");
      const since = await cluster.lastEvent();
      await cluster.story(async (writer) => {
        await withoutStandbys(cluster, async () => {
          await cluster.event("cluster.unavailable", since);
          const before = writer.history.filter(({ outcome }) => outcome === "acknowledged").length;
          await new Promise((resolve) => setTimeout(resolve, 7000));
          const now = writer.history.filter(({ outcome }) => outcome === "acknowledged").length;
          assert.equal(now, before, "a write was acknowledged without its voters");
          assert.deepEqual((await cluster.status())?.rule.acks, 1);
        });
        await writer.acknowledged(50, 30_000);
      });
      await cluster.event("cluster.available", since);
      await installation.ok("destroy", "firm", "--yes");
    });
  });
});
