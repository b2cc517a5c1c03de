/** The store alone is hurt. A healthy primary must not notice. */
import { setTimeout as sleep } from "node:timers/promises";
import { promised, type Story } from "../lab/stories.ts";
import { staysPrimary } from "./partitions.ts";
import type { Scene } from "../lab/story.ts";

export const storeStories: readonly Story[] = [
  {
    name: "store out for 20 s: every etcd frozen",
    outcome: "nothing happens; clients notice nothing",
    gapMsMax: promised.nothing,
    ci: true,
    run: (scene) => storeOut(scene, 20_000),
  },
  {
    name: "store out for a minute: every etcd frozen",
    outcome: "nothing happens; clients notice nothing",
    gapMsMax: promised.nothing,
    run: (scene) => storeOut(scene, 60_000),
  },
  {
    name: "an etcd that the user has, with TLS and users: the primary's host lost, then that etcd killed",
    outcome: "a standby takes over; the etcd's absence is not noticed",
    gapMsMax: promised.hostLost,
    needs: "given-etcd",
    run: async (scene) => {
      const lost = await scene.primary();
      await lost.kill();
      await scene.writesAgain();
      lost.boot();
      await scene.cluster.healthy();
      scene.lab.killGivenEtcd();
      await scene.writesAgain(60);
    },
  },
  {
    name: "every etcd killed, one after the other and all at once",
    outcome: "the agents start them again; clients notice nothing",
    gapMsMax: promised.nothing,
    run: (scene) =>
      staysPrimary(scene, async () => {
        for (const host of scene.lab.hosts) {
          await host.killRole("etcd");
          await scene.writesAgain(60);
        }
        await sleep(5000);
        await Promise.all(scene.lab.hosts.map((host) => host.killRole("etcd")));
        await sleep(3000);
        await scene.writesAgain(60);
      }),
  },
  {
    name: "the link between the etcd members cut for 10 s",
    outcome: "nothing happens; clients notice nothing",
    gapMsMax: promised.nothing,
    run: (scene) =>
      staysPrimary(scene, async () => {
        await scene.cut(scene.lab.hosts, scene.lab.hosts, [7404]);
        await sleep(10_000);
        await scene.mend();
        await scene.writesAgain(60);
      }),
  },
  {
    name: "two faults at once: the store out for 10 s, and the primary's postmaster killed meanwhile",
    outcome: "writes are back when the store is back, or before; nothing is lost",
    run: async (scene) => {
      const primary = await scene.primary();
      scene.lab.hosts.forEach((host) => host.signal("etcd", "SIGSTOP"));
      await sleep(2000);
      await primary.killRole("postmaster");
      await sleep(8000);
      scene.lab.hosts.forEach((host) => host.signal("etcd", "SIGCONT"));
      await scene.writesAgain(60, 20_000);
    },
  },
  {
    name: "two faults at once: the store out for 10 s, and the host of the primary lost meanwhile",
    outcome: "a standby takes over when the store is back",
    run: async (scene) => {
      const primary = await scene.primary();
      scene.lab.hosts.forEach((host) => host.signal("etcd", "SIGSTOP"));
      await sleep(2000);
      await primary.kill();
      await sleep(8000);
      scene.lab.hosts.forEach((host) => host.signal("etcd", "SIGCONT"));
      await scene.writesAgain(60, 20_000);
      primary.boot();
    },
  },
];

function storeOut(scene: Scene, forMs: number): Promise<void> {
  return staysPrimary(scene, async () => {
    scene.lab.hosts.forEach((host) => host.signal("etcd", "SIGSTOP"));
    await sleep(forMs);
    await scene.writesAgain(100);
    scene.lab.hosts.forEach((host) => host.signal("etcd", "SIGCONT"));
  });
}
