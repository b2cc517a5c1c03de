/** Regions: read replicas elsewhere, and what becomes of the cluster when its primary region changes or is lost. */
import { operationSchema } from "../../../src/contract/cluster.ts";
import { until } from "../../faults/until.ts";
import type { Host } from "../lab/host.ts";
import { promised, type Story } from "../lab/stories.ts";
import type { Scene } from "../lab/story.ts";

export const regions: readonly Story[] = [
  {
    name: "primary lost in a region of two, with a read replica elsewhere",
    outcome: "the standby of its region takes over, never the read replica",
    gapMsMax: promised.hostLost,
    needs: "regions",
    run: async (scene) => {
      const lost = await scene.primary();
      await lost.kill();
      await scene.writesAgain();
      const next = await scene.primary();
      if (regionOf(next) !== "eu" || next === lost) throw new Error(`the primary is on ${next.name}`);
      lost.boot();
    },
  },
  {
    name: "primary region changed and changed back, the agent that was asked killed in the middle",
    outcome: "the primary moves as in a switchover; the next agent follows it to its end",
    gapMsMax: 4 * promised.switchover,
    needs: "regions",
    healsWithinMs: 120_000,
    run: async (scene) => {
      for (const region of ["us", "eu"]) {
        const asked = await scene.primary();
        const moving = asked.matriarch(["switchover", scene.cluster.name, "--primary-region", region, "--yes"]);
        const id = await operationOf(scene);
        await asked.killRole("agent");
        await moving;
        await until(`the primary in ${region}`, async () =>
          regionOf(await scene.primary()) === region ? true : undefined,
        );
        await until(`operation ${id} to be done`, async () => {
          const told = operationSchema.safeParse(await asked.api(`/v1/operations/${id}`));
          if (told.data?.state === "failed") throw new Error(JSON.stringify(told.data.error));
          return told.data?.state === "done" ? true : undefined;
        });
        await scene.writesAgain();
        await scene.cluster.healthy();
      }
    },
  },
  {
    name: "primary region lost as a whole",
    outcome: "nobody is elected by itself; a person promotes the read replica, told what that may lose",
    needs: "regions",
    mayLose: true,
    healsWithinMs: 180_000,
    run: async (scene) => {
      const status = await scene.cluster.healthy();
      const replica = status.members.find((member) => member.is_read_replica);
      if (!replica) throw new Error("there is no read replica");
      const there = scene.cluster.hostOf(replica);
      const lost = scene.lab.hosts.filter((host) => regionOf(host) === "eu");
      await Promise.all(lost.map((host) => host.kill()));
      await scene.writesStop(5000);
      const to = ["failover", scene.cluster.name, "--to", replica.id];
      const refused = await there.matriarch([...to, "--yes"]);
      if (refused.code !== 3 || !refused.stderr.includes("acknowledged writes may be lost"))
        throw new Error(`failover to a read replica ended with ${refused.code}: ${refused.stderr}`);
      const done = await there.matriarch([...to, "--force", "--accept-data-loss", "--yes"]);
      if (done.code !== 0) throw new Error(`failover ended with ${done.code}: ${done.stderr}`);
      await scene.writesAgain();
      for (const host of lost) host.boot();
      await scene.cluster.until(
        "the lost region's members to be read replicas",
        ({ state, members }) =>
          state === "healthy" && members.every(({ id, is_read_replica: is }) => is === (id !== replica.id)),
        120_000,
      );
      const back = await there.matriarch(["switchover", scene.cluster.name, "--primary-region", "eu", "--yes"]);
      if (back.code !== 0) throw new Error(`the way back ended with ${back.code}: ${back.stderr}`);
    },
  },
];

/** As the laboratory was made (stories.test.ts). */
function regionOf({ name }: Host): string {
  return { a: "eu", b: "us", c: "ap", d: "eu" }[name] ?? "";
}

async function operationOf(scene: Scene): Promise<string> {
  return until("the operation to be under way", async () => (await scene.cluster.status())?.operation ?? undefined);
}
