/** One process of one host killed or frozen alone. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Role } from "../lab/host.ts";
import { promised, type Story } from "../lab/stories.ts";
import { until } from "../../faults/until.ts";
import { staysPrimary } from "./partitions.ts";

export const processStories: readonly Story[] = [
  killed("agent", "nothing happens; the service manager starts it again, and it takes up what runs", promised.nothing),
  killed("guard", "the agent starts another; no failover", promised.processKilled),
  killed("relay", "the agent starts another; the standbys stream again; no failover", promised.hostLost),
  {
    name: "router of the primary's host killed",
    outcome: "the agent starts another; clients of the other hosts notice nothing",
    gapMsMax: promised.nothing,
    run: (scene) =>
      staysPrimary(scene, async () => {
        const host = await scene.primary();
        await host.killRole("router");
        await scene.writesVia(host, 10, 10_000);
      }),
  },
  {
    name: "postmaster of the primary killed",
    outcome: "a standby takes over at once, or it is started again",
    gapMsMax: promised.processKilled,
    run: async (scene) => {
      const host = await scene.primary();
      await host.killRole("postmaster");
      await scene.writesAgain();
    },
  },
  {
    name: "postmaster of the primary frozen, thawed later",
    outcome: "a standby takes over: a server that accepts no session has failed",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      const host = await scene.primary();
      host.signal("postmaster", "SIGSTOP");
      await scene.event("failover.done");
      await scene.writesAgain();
      host.signal("postmaster", "SIGCONT");
    },
  },
  {
    name: "agent of the primary's host frozen for 5 s",
    outcome: "nothing happens",
    gapMsMax: promised.nothing,
    run: (scene) =>
      staysPrimary(scene, async () => {
        const host = await scene.primary();
        host.signal("agent", "SIGSTOP");
        await sleep(5000);
        host.signal("agent", "SIGCONT");
        await scene.writesAgain(100);
      }),
  },
  {
    name: "agent of the primary's host frozen for good",
    outcome: "a standby takes over once its guard gives it up (10 s); the guard fences the former primary",
    run: async (scene) => {
      const host = await scene.primary();
      host.signal("agent", "SIGSTOP");
      await until(
        "another primary",
        async () => {
          for (const other of scene.others(host)) {
            const status = await scene.cluster.status(other);
            const primary = status?.members.find(({ id }) => id === status.primary);
            if (primary && primary.host !== host.name) return true;
          }
          return undefined;
        },
        { withinMs: 30_000 },
      );
      await scene.writesAgain();
      host.signal("agent", "SIGCONT");
    },
  },
  {
    name: "guard of the primary's host frozen together with its agent, for 8 s",
    outcome:
      "a standby takes over, and the former primary acknowledges nothing any more; nobody is left to end it, so reads through its own host may be old meanwhile",
    gapMsMax: promised.hostLost,
    mayReadOldThere: true,
    run: async (scene) => {
      const host = (scene.frozen = await scene.primary());
      for (const role of ["agent", "guard"] as const) host.signal(role, "SIGSTOP");
      await sleep(8000);
      for (const other of scene.others(host)) await scene.writesVia(other);
      for (const role of ["guard", "agent"] as const) host.signal(role, "SIGCONT");
      await scene.writesAgain();
    },
  },
  {
    name: "guard of a standby's host frozen together with its agent, for 8 s",
    outcome: "nothing happens: the other voter's promises are enough",
    gapMsMax: promised.nothing,
    run: (scene) =>
      staysPrimary(scene, async () => {
        const [host] = await scene.standbys();
        for (const role of ["agent", "guard"] as const) host?.signal(role, "SIGSTOP");
        await sleep(8000);
        for (const role of ["guard", "agent"] as const) host?.signal(role, "SIGCONT");
        await scene.writesAgain(100);
      }),
  },
  {
    name: "guard of the primary's host frozen",
    outcome: "the agent fences what the guard cannot, or replaces the guard; no second primary",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      const host = await scene.primary();
      host.signal("guard", "SIGSTOP");
      await sleep(5000);
      await scene.writesAgain();
      host.signal("guard", "SIGCONT");
    },
  },
  {
    name: "guard of a standby's host frozen for 5 s",
    outcome: "nothing happens: the other voter's promises are enough",
    gapMsMax: promised.nothing,
    run: (scene) =>
      staysPrimary(scene, async () => {
        const [host] = await scene.standbys();
        host?.signal("guard", "SIGSTOP");
        await sleep(5000);
        host?.signal("guard", "SIGCONT");
        await scene.writesAgain(100);
      }),
  },
  {
    name: "router of the primary's host frozen for 5 s",
    outcome: "clients of the other hosts notice nothing",
    gapMsMax: promised.nothing,
    run: (scene) =>
      staysPrimary(scene, async () => {
        const host = await scene.primary();
        host.signal("router", "SIGSTOP");
        await sleep(5000);
        host.signal("router", "SIGCONT");
        await scene.writesVia(host, 10, 15_000);
      }),
  },
  {
    name: "relay of the primary's host frozen",
    outcome: "it is replaced, or a standby takes over",
    gapMsMax: 2 * promised.hostLost,
    run: async (scene) => {
      const host = await scene.primary();
      host.signal("relay", "SIGSTOP");
      await sleep(6000);
      await scene.writesAgain();
      host.signal("relay", "SIGCONT");
    },
  },
  {
    name: "rolling restart of everything: agent, guard, relay, router and etcd of every host, then every member",
    outcome: "no second primary; a short pause for the switchover",
    gapMsMax: promised.processKilled,
    healsWithinMs: 120_000,
    run: async (scene) => {
      for (const host of scene.lab.hosts) {
        for (const role of ["agent", "guard", "relay", "router", "etcd"] as const) {
          await host.killRole(role);
          await until(`the ${role} of ${host.name}`, () => (host.has(role) ? true : undefined));
          await scene.writesAgain(20);
        }
        await scene.cluster.healthy();
      }
      await scene.lab.hosts[0]?.ok("restart", scene.cluster.name, "--yes");
    },
  },
];

function killed(role: Role, outcome: string, gapMsMax: number): Story {
  return {
    name: `${role} of the primary's host killed`,
    outcome,
    gapMsMax,

    run: (scene) =>
      staysPrimary(scene, async () => {
        const host = await scene.primary();
        await host.killRole(role);
        await until(`another ${role}`, () => (host.has(role) ? true : undefined));
        await scene.writesAgain(100);
      }),
  };
}
