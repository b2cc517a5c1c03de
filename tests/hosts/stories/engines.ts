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
    healsWithinMs: 120_000,
    run: async (scene) => {
      if ((await scene.switchover()) !== 0) throw new Error("the switchover failed");
      await scene.writesAgain(30);
      await scene.cluster.healthy();
      await cutOff(scene);
      await scene.event("rejoin.rewind", 60_000);
      await scene.cluster.healthy();
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
}

async function copiedAnew(scene: Scene): Promise<void> {
  const [host] = await scene.standbys();
  if (!host) throw new Error("there is no standby");
  const { id } = scene.cluster.memberOn(host);
  await host.ok("member", "reclone", scene.cluster.name, id, "--yes");
  await scene.event("rejoin.clone", 60_000);
  await scene.cluster.healthy();
}
