/** Clusters on the Postgres of the system's packages: the same life, and what its tools are for. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { promised, type Story } from "../lab/stories.ts";
import type { Scene } from "../lab/story.ts";

export const engines: readonly Story[] = [
  {
    name: "Debian's Postgres: switchover, primary's host cut off and killed, a standby's copy deleted",
    outcome: "as with the binaries that come along; the former primary is rewound with pg_rewind",
    gapMsMax: promised.hostLost,
    needs: "system-engine",
    healsWithinMs: 180_000,
    run: async (scene) => {
      if ((await scene.switchover()) !== 0) throw new Error("the switchover failed");
      await scene.writesAgain(30);
      await scene.cluster.healthy();
      // Cut off between two writes it has nothing that the others lack.
      for (let turn = 0; turn < 5 && !(await wasRewound(scene)); turn += 1) await cutOff(scene);
      assert.ok(await wasRewound(scene), "no former primary had to be rewound");
      const lost = await scene.primary();
      await lost.kill();
      await scene.writesAgain();
      lost.boot();
      await scene.cluster.healthy();
      await copiedAnew(scene);
      const types = (await scene.events()).map(({ type }) => type);
      assert.ok(!types.includes("rejoin.rewind-failed"), "pg_rewind failed");
    },
  },
];

/** The former primary has written what nobody acknowledged: it can only come back rewound. */
async function cutOff(scene: Scene): Promise<void> {
  const lost = await scene.primary();
  await lost.vanish();
  await scene.writesAgain();
  await sleep(1000);
  await scene.mend();
  await scene.cluster.healthy();
}

async function wasRewound(scene: Scene): Promise<boolean> {
  return (await scene.events()).some(({ type }) => type === "rejoin.rewind");
}

async function copiedAnew(scene: Scene): Promise<void> {
  const [host] = await scene.standbys();
  if (!host) throw new Error("there is no standby");
  const { id } = scene.cluster.memberOn(host);
  await host.ok("member", "reclone", scene.cluster.name, id, "--yes");
  await scene.event("rejoin.clone", 60_000);
  await scene.cluster.healthy();
}
