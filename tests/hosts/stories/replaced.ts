/** Hosts that are drained, removed and replaced: members and the store move to where there is room, and nobody sees to it. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { operationSchema } from "../../../src/contract/cluster.ts";
import { hostRemovedSchema } from "../../../src/contract/host.ts";
import { until } from "../../faults/until.ts";
import type { Host } from "../lab/host.ts";
import { promised, type Story } from "../lab/stories.ts";
import type { Scene } from "../lab/story.ts";
import { hostsOf, joined, membersOn, rejoin, storeIsWhole } from "./spare.ts";

const drainedSchema = operationSchema.extend({
  result: z.object({ moved: z.array(z.string()), stayed: z.array(z.string()) }),
});

export const replaced: readonly Story[] = [
  {
    name: "a host that keeps the store is lost for good and removed",
    outcome: "its place, its key and its member go to the spare host; its data are put aside when it comes back",
    gapMsMax: promised.processKilled,
    needs: "spare",
    healsWithinMs: 180_000,
    run: async (scene) => {
      const spare = await joined(scene);
      const by = await scene.primary();
      const lost = await standbyWithStore(scene, by);
      await lost.kill();
      const removed = hostRemovedSchema.parse(await by.json("host", "remove", lost.name, "--lost", "--yes"));
      if (removed.members.some(({ successor }) => successor === null)) throw new Error("its member got no successor");
      const places = await storeIsWhole(by);
      if (places.includes(lost.name)) throw new Error(`the lost host still has a place: ${places.join(", ")}`);
      refuseOpenKey(scene.lab.host(places.includes(spare.name) ? spare.name : (places[0] ?? "")));
      await noneOn(scene, lost);
      await scene.cluster.healthy(120_000);
      lost.boot();
      await until("the removed host's server to end", () => (lost.has("postmaster") ? undefined : true));
      await scene.writesAgain(100);
      await rejoin(scene, lost, by);
    },
  },
  {
    name: "a host is lost for longer than its members are waited for",
    outcome: "they are made anew on the spare host by themselves; the host comes back empty",
    gapMsMax: promised.processKilled,
    needs: "spare",
    healsWithinMs: 180_000,
    run: async (scene) => {
      await joined(scene);
      const by = await scene.primary();
      const [lost] = await scene.standbys();
      if (!lost) throw new Error("there is no standby");
      await by.ok("host", "settings", "--replace-after", "20s");
      await lost.kill();
      await until("host list to say when", async () => {
        const away = (await hostsOf(by)).find(({ name }) => name === lost.name);
        return away && !away.heard && (away.replaced_in_ms ?? 0) > 0 ? true : undefined;
      });
      await scene.event("member.replacing", 60_000);
      await scene.event("member.replaced", 120_000);
      await noneOn(scene, lost);
      await by.ok("host", "settings", "--replace-after", "10m");
      lost.boot();
      await scene.cluster.healthy(120_000);
      await until("the lost member's server to end", () => (lost.has("postmaster") ? undefined : true));
    },
  },
  {
    name: "host of the primary drained, with and without a spare host, and undrained",
    outcome: "the primary moves by switchover, its member to the spare host; without one it stays, and is named",
    gapMsMax: 2 * promised.switchover,
    needs: "spare",
    healsWithinMs: 180_000,
    run: async (scene) => {
      await joined(scene);
      const first = await scene.primary();
      const [by] = (await scene.standbys()).filter((host) => host !== first);
      if (!by) throw new Error("there is no standby");
      const moved = drainedSchema.parse(await by.json("host", "drain", first.name)).result;
      if (moved.moved.length !== 1 || moved.stayed.length !== 0) throw new Error(JSON.stringify(moved));
      await noneOn(scene, first);
      const second = await scene.primary();
      const stayed = drainedSchema.parse(await by.json("host", "drain", second.name)).result;
      if (stayed.moved.length !== 0 || stayed.stayed.length !== 1) throw new Error(JSON.stringify(stayed));
      if ((await scene.primary()) === second) throw new Error("the primary is still there");
      for (const host of [first, second]) await by.ok("host", "undrain", host.name);
      const states = (await hostsOf(by)).map(({ state }) => state);
      if (states.some((state) => state !== "active")) throw new Error(`hosts are ${states.join(", ")}`);
    },
  },
  {
    name: "a living host is drained and removed, and joins again",
    outcome: "its place in the store goes to the spare host; it comes back as an empty one",
    gapMsMax: 2 * promised.switchover,
    needs: "spare",
    healsWithinMs: 180_000,
    run: async (scene) => {
      await joined(scene);
      const by = await scene.primary();
      const leaving = await standbyWithStore(scene, by);
      await by.ok("host", "drain", leaving.name);
      await by.ok("host", "remove", leaving.name, "--yes");
      const places = await storeIsWhole(by);
      if (places.includes(leaving.name)) throw new Error("the removed host still keeps the store");
      await until("etcd of the removed host to end", () => (leaving.has("etcd") ? undefined : true), {
        withinMs: 60_000,
      });
      await rejoin(scene, leaving, by);
      const back = (await hostsOf(by)).find(({ name }) => name === leaving.name);
      if (!back?.heard || back.runs_store) throw new Error(`it came back as ${JSON.stringify(back)}`);
    },
  },
];

async function standbyWithStore(scene: Scene, by: Host): Promise<Host> {
  const hosts = await hostsOf(by);
  const [found] = (await scene.standbys()).filter(
    ({ name }) => hosts.find((host) => host.name === name)?.runs_store && name !== by.name,
  );
  if (!found) throw new Error("there is no standby on a host that keeps the store");
  return found;
}

async function noneOn(scene: Scene, host: Host): Promise<void> {
  await until(
    `no member to be on ${host.name}`,
    async () => ((await membersOn(scene, host)).length === 0 ? true : undefined),
    { withinMs: 120_000 },
  );
}

function refuseOpenKey(host: Host): void {
  const mode = statSync(join(host.home, "ca", "ca.key")).mode & 0o777;
  if (mode !== 0o600) throw new Error(`the authority's key on ${host.name} has mode ${mode.toString(8)}`);
}
