/** Disks that are full or hang, and clocks that are wrong. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { promised, type Story } from "../lab/stories.ts";
import type { Scene } from "../lab/story.ts";
import type { Volume } from "../lab/volume.ts";
import { staysPrimary } from "./partitions.ts";

/** How a volume goes wrong, and is right again. */
interface Trouble {
  readonly begin: (volume: Volume) => Promise<void>;
  readonly end: (volume: Volume) => Promise<void>;
}

const hangs: Trouble = { begin: (volume) => volume.stall(), end: (volume) => volume.release() };
const full: Trouble = { begin: (volume) => volume.fill(), end: (volume) => volume.empty() };

export const disksAndClocks: readonly Story[] = [
  {
    name: "WAL device of the primary hangs",
    outcome: "a standby takes over; the wedged server comes back when its disk does",
    gapMsMax: 10_000,
    needs: "volumes",
    healsWithinMs: 120_000,
    run: async (scene) => during(hangs, await scene.primary(), () => scene.writesAgain(60, 40_000)),
  },
  onStandby("WAL device of a standby hangs", "nothing happens: the other standby acknowledges", hangs, 8000),
  onStandby(
    "disk full on a standby",
    "nothing happens to the primary; the standby comes back when there is room",
    full,
    15_000,
  ),
  {
    name: "disk full on the primary",
    outcome: "a standby takes over, or room is found; nothing is lost",
    needs: "volumes",
    healsWithinMs: 120_000,
    run: async (scene) => {
      await during(full, await scene.primary(), () => sleep(10_000));
      await scene.writesAgain(60, 40_000);
    },
  },
  {
    name: "wall clock of the primary's host stepped an hour forward, then two hours back",
    outcome: "nothing happens",
    gapMsMax: promised.nothing,
    needs: "clocks",
    run: (scene) =>
      staysPrimary(scene, async () => {
        const host = await scene.primary();
        for (const offset of ["+3600", "-3600", "+0"]) {
          host.setClock(offset);
          await sleep(5000);
          await scene.writesAgain(100);
        }
      }),
  },
  {
    name: "wall clock of a standby's host runs a tenth too fast, and the primary's host is lost",
    outcome: "a standby takes over",
    gapMsMax: promised.hostLost,
    needs: "clocks",
    run: async (scene) => {
      const [standby] = await scene.standbys();
      standby?.setClock("+0 x1.1");
      await sleep(3000);
      const lost = await scene.primary();
      await lost.vanish();
      await scene.writesAgain();
      standby?.setClock("+0");
    },
  },
  {
    name: "clocks of the hosts run up to 15 % apart, and nothing else is wrong",
    outcome: "nothing happens, whichever of them is the primary's",
    gapMsMax: 3 * promised.switchover,
    needs: "drifting",
    healsWithinMs: 120_000,
    run: async (scene) => {
      for (const host of scene.lab.hosts) {
        await leadFrom(scene, host);
        await sleep(5000);
        await scene.writesAgain(100);
        if ((await scene.primary()) !== host) throw new Error(`the primary left ${host.name} by itself`);
      }
    },
  },
  ...[0, 1].map((index): Story => ({
    name: `the primary is cut off from all hosts, and its clock is the ${index === 0 ? "fastest" : "slowest"}, 7 % off`,
    outcome: "it fences itself before a standby takes over: no old reads",
    gapMsMax: promised.hostLost,
    needs: "drifting",
    healsWithinMs: 120_000,
    run: async (scene) => {
      const host = scene.lab.hosts[index];
      if (!host) throw new Error("there is no such host");
      await leadFrom(scene, host);
      await scene.cut([host], scene.others(host));
      await scene.writesAgain();
      await sleep(2000);
    },
  })),
];

/** Moves the primary there. */
async function leadFrom(scene: Scene, host: Host): Promise<void> {
  if ((await scene.primary()) === host) return;
  const ended = await scene.switchover("--to", scene.cluster.memberOn(host).id);
  if (ended !== 0) throw new Error(`the switchover to ${host.name} ended with ${ended}`);
  await scene.cluster.healthy();
}

function onStandby(name: string, outcome: string, trouble: Trouble, forMs: number): Story {
  return {
    name,
    outcome,
    gapMsMax: promised.processKilled,
    needs: "volumes",
    healsWithinMs: 120_000,
    run: (scene) =>
      staysPrimary(scene, async () => {
        const [host] = await scene.standbys();
        if (!host) throw new Error("there is no standby");
        await during(trouble, host, async () => {
          await sleep(forMs);
          await scene.writesAgain(100);
        });
      }),
  };
}

async function during({ begin, end }: Trouble, { volume }: Host, act: () => Promise<void>): Promise<void> {
  await begin(volume);
  try {
    await act();
  } finally {
    await end(volume);
  }
}
