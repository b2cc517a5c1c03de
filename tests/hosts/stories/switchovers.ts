/** Switchovers: planned, and with their source or target lost at every step. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { promised, type Story } from "../lab/stories.ts";
import type { Scene } from "../lab/story.ts";

/** Moments after it was asked for: before its checkpoint, while it holds clients, stops, promotes, and after. */
const momentsMs = [100, 250, 400, 600, 900];

export const switchovers: readonly Story[] = [
  {
    name: "switchover, three times",
    outcome: "done each time",
    gapMsMax: promised.switchover,
    ci: true,
    run: async (scene) => {
      for (let turn = 0; turn < 3; turn += 1) {
        if ((await scene.switchover()) !== 0) throw new Error("the switchover failed");
        await scene.writesAgain(30);
        await scene.cluster.healthy();
      }
    },
  },
  ...lostAtEveryStep("target", async (scene) => (await scene.standbys())[0]),
  ...lostAtEveryStep("source", (scene) => scene.primary()),
];

function lostAtEveryStep(which: string, choose: (scene: Scene) => Promise<Host | undefined>): readonly Story[] {
  const harms = [
    { how: "killed", hurt: (host: Host) => host.kill(), heal: async (host: Host) => host.boot() },
    { how: "cut off", hurt: (host: Host) => host.vanish(), heal: (host: Host) => host.network.mend() },
  ];
  return harms.map(({ how, hurt, heal }) => ({
    name: `switchover with the host of its ${which} ${how}, at ${momentsMs.length} moments`,
    outcome: "there is a primary again: the source, the target, or the third",
    gapMsMax: 2 * promised.hostLost,
    ci: false,
    run: async (scene) => {
      for (const ms of momentsMs) {
        await scene.cluster.healthy();
        const host = await choose(scene);
        const [target] = await scene.standbys();
        if (!host || !target) throw new Error("there is no standby");
        const asked = scene.switchover("--to", scene.cluster.memberOn(target).id);
        await sleep(ms);
        await hurt(host);
        await scene.writesAgain(30);
        await asked;
        await heal(host);
      }
    },
  }));
}
