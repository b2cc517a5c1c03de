/** Clusters on the Postgres of the system's packages: the same life, and what its tools are for. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { promised, type Story } from "../lab/stories.ts";
import { extensionListSchema } from "../../../src/contract/extensions.ts";
import { until } from "../../faults/until.ts";
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
  {
    name: "an extension with its package and library brought to every host (pg_cron), then the primary's host lost",
    outcome: "a rolling restart, no member without the library, and the jobs go on with the new primary",
    needs: "system-engine",
    healsWithinMs: 180_000,
    run: async (scene) => {
      const { name } = scene.cluster;
      const first = await scene.primary();
      await first.ok("extension", "enable", name, "pg_cron", "--install", "--restart", "--yes");
      await scene.cluster.healthy();
      await loadedEverywhere(scene, "pg_cron");
      await sql(scene, "CREATE TABLE IF NOT EXISTS public.runs (at timestamptz DEFAULT pg_catalog.clock_timestamp())");
      await sql(scene, "SELECT cron.schedule('count', '* * * * *', 'INSERT INTO public.runs DEFAULT VALUES')");
      const lost = await scene.primary();
      await lost.kill();
      await scene.writesAgain();
      // A job of the minute in which the primary was lost may have run on either.
      const [, since = ""] = /(\d+)/.exec(await sql(scene, "SELECT count(*) FROM public.runs")) ?? [];
      await until(
        "two jobs of the new primary",
        async () => {
          const [, now = "0"] = /(\d+)/.exec(await sql(scene, "SELECT count(*) FROM public.runs")) ?? [];
          return Number(now) >= Number(since) + 2 ? true : undefined;
        },
        { withinMs: 150_000 },
      );
      lost.boot();
      await scene.cluster.healthy();
      await loadedEverywhere(scene, "pg_cron");
      await (await scene.primary()).ok("extension", "disable", name, "pg_cron", "--restart", "--yes");
      await sql(scene, "DROP TABLE public.runs");
    },
  },
];

async function sql(scene: Scene, text: string): Promise<string> {
  return (await scene.primary()).ok("connect", scene.cluster.name, "-c", text);
}

async function loadedEverywhere(scene: Scene, library: string): Promise<void> {
  const host = await scene.primary();
  const { preloaded } = extensionListSchema.parse(
    JSON.parse(await host.ok("extension", "list", scene.cluster.name, "--json")),
  );
  const found = preloaded.find((one) => one.library === library);
  assert.deepEqual(found, { library, not_on: [] });
}

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
