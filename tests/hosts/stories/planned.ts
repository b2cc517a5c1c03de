/** Planned work on every member over several hosts: rolling restarts, a newer minor version, and what breaks meanwhile. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { downtimeSchema, type Pause } from "../../../src/contract/downtime.ts";
import { settingsReportSchema } from "../../../src/contract/settings.ts";
import { versionReportSchema } from "../../../src/contract/upgrade.ts";
import { until } from "../../faults/until.ts";
import type { Host } from "../lab/host.ts";
import type { Ran } from "../lab/shell.ts";
import { newestVersion } from "../lab/versions.ts";
import { promised, type Story } from "../lab/stories.ts";
import type { Scene } from "../lab/story.ts";

export const planned: readonly Story[] = [
  {
    name: "a newer minor version, asked of a host without the primary",
    outcome: "every member runs it, one pause, the same in every host's ledger",
    gapMsMax: promised.hostLost,
    needs: "older-version",
    run: async (scene) => {
      const host = await aStandby(scene);
      await host.ok("upgrade", scene.cluster.name, "--to", newestVersion);
      await everywhere(scene, newestVersion);
      await agreed(scene, ["upgrade"]);
    },
  },
  {
    name: "rolling restart, asked of a host without the primary",
    outcome: "every server is another one, one pause, the same in every host's ledger",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      const before = await pids(scene);
      await (await aStandby(scene)).ok("restart", scene.cluster.name);
      const after = await pids(scene);
      assert.ok(
        [...before.keys()].every((id) => before.get(id) !== after.get(id)),
        "a server was not restarted",
      );
      await agreed(scene, ["restart"]);
    },
  },
  {
    name: "rolling restart with the agent of the host that was asked killed in the middle",
    outcome: "it goes on, and its end is told",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      const host = await aStandby(scene);
      const asked = host.matriarch(["restart", scene.cluster.name]);
      await scene.event("restart.started");
      await host.killRole("agent");
      await asked;
      await scene.event("restart.done", 60_000);
      await scene.cluster.healthy();
    },
  },
  {
    name: "settings with their restart, the agent of the primary's host killed in the middle",
    outcome: "whichever host was asked, the restart goes on and the change is told in force",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      for (const [asker, value] of [
        [await scene.primary(), "210"],
        [await aStandby(scene), "220"],
      ] as const) {
        const lost = await scene.primary();
        const since = Date.now();
        const asked = setConnections(scene, asker, value);
        await scene.event("restart.started", 60_000, since);
        await lost.killRole("agent");
        await asked;
        await inForce(scene, value, since);
      }
      await setConnections(scene, await scene.primary(), undefined);
    },
  },
  {
    name: "settings with their restart, the primary's host killed in the middle",
    outcome: "a failover, and the change is in force everywhere, by itself or with `restart --pending`",
    gapMsMax: 2 * promised.hostLost,
    run: async (scene) => {
      const [host, lost] = [await aStandby(scene), await scene.primary()];
      const since = Date.now();
      const asked = setConnections(scene, host, "230");
      await scene.event("restart.started", 60_000, since);
      await sleep(50);
      await lost.kill();
      await scene.writesAgain();
      lost.boot();
      await asked;
      await scene.cluster.healthy();
      await host.ok("restart", scene.cluster.name, "--pending");
      await inForce(scene, "230", since);
      await setConnections(scene, host, undefined);
    },
  },
  {
    name: "rolling restart with the primary's host killed in the middle",
    outcome: "a failover, and the restart goes on or is given up with an account; the next one is done",
    gapMsMax: 2 * promised.hostLost,
    run: async (scene) => {
      const [host, lost] = [await aStandby(scene), await scene.primary()];
      const asked = host.matriarch(["restart", scene.cluster.name], { withinMs: 300_000 });
      await scene.event("restart.started");
      await sleep(50);
      await lost.kill();
      await scene.writesAgain();
      lost.boot();
      await asked;
      await scene.cluster.healthy();
      await host.ok("restart", scene.cluster.name);
    },
  },
];

function setConnections({ cluster: { name } }: Scene, host: Host, value: string | undefined): Promise<Ran> {
  const change = value === undefined ? ["unset", name, "max_connections"] : ["set", name, `max_connections=${value}`];
  return host.matriarch(["config", ...change, "--restart"], { withinMs: 300_000 });
}

/** Told by an event, and shown by every member's server to every host. */
async function inForce(scene: Scene, value: string, since: number): Promise<void> {
  await scene.event("config.applied", 60_000, since);
  await scene.cluster.healthy();
  for (const host of scene.lab.hosts) {
    const report = settingsReportSchema.parse(await host.json("config", "show", scene.cluster.name, "max_connections"));
    const [found] = report.settings;
    assert.deepEqual(
      [found?.value, found?.pending, found?.differs, report.away],
      [value, null, [], []],
      `as ${host.name} sees it`,
    );
  }
}

async function aStandby(scene: Scene): Promise<Host> {
  const [host] = await scene.standbys();
  if (!host) throw new Error("there is no standby");
  return host;
}

async function pids(scene: Scene): Promise<ReadonlyMap<string, number | null>> {
  const { members } = await scene.cluster.healthy();
  return new Map(members.map(({ id, pid }) => [id, pid]));
}

async function everywhere(scene: Scene, version: string): Promise<void> {
  for (const host of scene.lab.hosts) {
    const report = versionReportSchema.parse(await host.json("version", scene.cluster.name));
    assert.deepEqual(
      report.members.map(({ running }) => running),
      [version, version, version],
    );
  }
}

/** Each host's ledger of what this story cost, once they have told each other. */
async function agreed(scene: Scene, whys: readonly Pause["why"][]): Promise<void> {
  let seen: readonly (readonly Pause[])[] = [];
  await until(
    "every host to have the same pauses",
    async () => {
      seen = await Promise.all(scene.lab.hosts.map((host) => pausesOf(scene, host)));
      const texts = seen.map((pauses) => JSON.stringify(pauses));
      return new Set(texts).size === 1 && seen[0]?.length === whys.length ? true : undefined;
    },
    { withinMs: 30_000, seen: () => JSON.stringify(seen) },
  );
  // What another host would tell in its place, had it not heard, would have come by now.
  await sleep(7000);
  for (const host of scene.lab.hosts)
    assert.deepEqual(
      (await pausesOf(scene, host)).map(({ why }) => why),
      whys,
    );
}

async function pausesOf(scene: Scene, host: Host): Promise<readonly Pause[]> {
  const since = new Date(scene.since).toISOString();
  return downtimeSchema.parse(await host.json("events", scene.cluster.name, "--downtime", "--since", since)).pauses;
}
