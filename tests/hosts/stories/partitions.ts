/** Links between hosts that are cut, wholly or in part, one way or both, or that are bad. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { hostPort, promised, type Story } from "../lab/stories.ts";
import type { Scene } from "../lab/story.ts";

const betweenMembers = [hostPort.api, hostPort.guard, hostPort.relay];
const store = [hostPort.etcdClient, hostPort.etcdPeer];

export const partitions: readonly Story[] = [
  {
    name: "primary cut off from all hosts, clients still reach it",
    outcome: "it fences itself before a standby takes over; its endpoint refuses",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      const cut = await scene.primary();
      await scene.cut([cut], scene.others(cut));
      await scene.writesAgain();
      await sleep(2000);
    },
  },
  {
    name: "primary cut off from the store only",
    outcome: "nothing happens: no failover",
    gapMsMax: promised.nothing,
    ci: true,
    run: (scene) =>
      staysPrimary(scene, async () => {
        const cut = await scene.primary();
        await scene.cut([cut], scene.others(cut), store);
        await sleep(8000);
        await scene.writesAgain(100);
        await scene.mend();
      }),
  },
  {
    name: "primary cut off from the standbys only, the store is reached",
    outcome: "it fences itself, a standby takes over",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      const cut = await scene.primary();
      await scene.cut([cut], scene.others(cut), betweenMembers);
      await scene.writesAgain();
      await sleep(1000);
    },
  },
  {
    name: "primary hears and is not heard (one-way cut)",
    outcome: "it fences itself, a standby takes over",
    gapMsMax: promised.hostLost,
    ci: true,
    run: async (scene) => {
      const cut = await scene.primary();
      await scene.lab.network.cut({ from: [cut.name], to: scene.others(cut).map(({ name }) => name) });
      await scene.writesAgain();
    },
  },
  {
    name: "primary is heard and hears nothing (one-way cut)",
    outcome: "it fences itself, a standby takes over",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      const cut = await scene.primary();
      await scene.lab.network.cut({ from: scene.others(cut).map(({ name }) => name), to: [cut.name] });
      await scene.writesAgain();
    },
  },
  {
    name: "one standby cut off from the primary only",
    outcome: "nothing happens: the other standby acknowledges",
    gapMsMax: promised.nothing,
    run: (scene) =>
      staysPrimary(scene, async () => {
        const primary = await scene.primary();
        const [cut] = await scene.standbys();
        if (cut) await scene.cut([primary], [cut]);
        await sleep(4000);
        await scene.writesAgain(100);
        await scene.mend();
      }),
  },
  {
    name: "one standby cut off from everybody",
    outcome: "nothing happens: the other standby acknowledges",
    gapMsMax: promised.nothing,
    run: (scene) =>
      staysPrimary(scene, async () => {
        const [cut] = await scene.standbys();
        if (cut) await scene.cut([cut], scene.others(cut));
        await sleep(4000);
        await scene.writesAgain(100);
        await scene.mend();
      }),
  },
  {
    name: "links slow and lossy: 10 ms, give or take 5 ms, one packet in 200 lost, everywhere",
    outcome: "no failover",
    gapMsMax: promised.hostLost,
    run: (scene) =>
      staysPrimary(scene, async () => {
        for (const { name } of scene.lab.hosts)
          await scene.lab.network.slow(name, { delayMs: 10, jitterMs: 5, loss: 0.005 });
        await sleep(10_000);
        await scene.writesAgain(100);
        for (const { name } of scene.lab.hosts) await scene.lab.network.slow(name, undefined);
      }),
  },
  {
    name: "links very lossy: one packet in five lost between all hosts, for 10 s",
    outcome: "no second primary; writes are back when the links are good again",
    run: async (scene) => {
      const names = scene.lab.hosts.map(({ name }) => name);
      await scene.lab.network.cut({ from: names, to: names, loss: 0.2 });
      await sleep(10_000);
      await scene.mend();
      await scene.writesAgain();
    },
  },
  {
    name: "flapping link of the primary: 0.7 s down, 0.7 s up, ten times",
    outcome: "no second primary; no failover loop when it is over",
    run: async (scene) => {
      const { name } = await scene.primary();
      for (let turn = 0; turn < 10; turn += 1) {
        await scene.lab.network.link(name, "down");
        await sleep(700);
        await scene.lab.network.link(name, "up");
        await sleep(700);
      }
      await scene.writesAgain();
    },
  },
  {
    name: "flapping link of the primary: 3 s down, 3 s up, four times",
    outcome: "no second primary; whoever took over stays",
    gapMsMax: 2 * promised.hostLost,
    run: async (scene) => {
      const { name } = await scene.primary();
      for (let turn = 0; turn < 4; turn += 1) {
        await scene.lab.network.link(name, "down");
        await sleep(3000);
        await scene.lab.network.link(name, "up");
        await sleep(3000);
      }
      await scene.writesAgain();
    },
  },
];

/** `work` changes nothing about who is primary, and in which epoch. */
export async function staysPrimary(scene: Scene, work: () => Promise<void>): Promise<void> {
  const before = await scene.cluster.healthy();
  await work();
  const after = await scene.cluster.until("a primary", ({ primary }) => primary !== null);
  assert.deepEqual([after.primary, after.epoch], [before.primary, before.epoch], "there was a failover");
}
