/** Disks that are full or hang, and clocks that are wrong. */
import { setTimeout as sleep } from "node:timers/promises";
import { promised, type Story } from "../lab/stories.ts";
import { staysPrimary } from "./partitions.ts";

export const disksAndClocks: readonly Story[] = [
  {
    name: "WAL device of the primary hangs",
    outcome: "a standby takes over; the wedged server comes back when its disk does",
    gapMsMax: 10_000,
    needs: "volumes",
    healsWithinMs: 120_000,
    run: async (scene) => {
      const host = await scene.primary();
      await host.volume.stall();
      try {
        await scene.writesAgain(60, 40_000);
      } finally {
        await host.volume.release();
      }
    },
  },
  {
    name: "WAL device of a standby hangs",
    outcome: "nothing happens: the other standby acknowledges",
    gapMsMax: promised.processKilled,
    needs: "volumes",
    healsWithinMs: 120_000,
    run: (scene) =>
      staysPrimary(scene, async () => {
        const [host] = await scene.standbys();
        await host?.volume.stall();
        try {
          await sleep(8000);
          await scene.writesAgain(100);
        } finally {
          await host?.volume.release();
        }
      }),
  },
  {
    name: "disk full on a standby",
    outcome: "nothing happens to the primary; the standby comes back when there is room",
    gapMsMax: promised.processKilled,
    needs: "volumes",
    healsWithinMs: 120_000,
    run: (scene) =>
      staysPrimary(scene, async () => {
        const [host] = await scene.standbys();
        await host?.volume.fill();
        try {
          await sleep(15_000);
          await scene.writesAgain(100);
        } finally {
          await host?.volume.empty();
        }
      }),
  },
  {
    name: "disk full on the primary",
    outcome: "a standby takes over, or room is found; nothing is lost",
    needs: "volumes",
    healsWithinMs: 120_000,
    run: async (scene) => {
      const host = await scene.primary();
      await host.volume.fill();
      try {
        await sleep(10_000);
      } finally {
        await host.volume.empty();
      }
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
];
