/** What the stories with a fourth host have in common: it joins, joins again, and what is known of all hosts. */
import { z } from "zod";
import { hostStatusSchema, type HostStatus } from "../../../src/contract/host.ts";
import { until } from "../../faults/until.ts";
import type { Host } from "../lab/host.ts";
import type { Scene } from "../lab/story.ts";

/** The fourth host, which has joined. */
export async function joined(scene: Scene): Promise<Host> {
  const [spare] = scene.lab.spare;
  if (!spare) throw new Error("there is no spare host");
  if (!spare.isBooted()) await scene.lab.join(spare, await scene.primary());
  return spare;
}

/** One that was removed: whatever runs on it, and whatever its home holds. */
export async function rejoin(scene: Scene, host: Host, by: Host): Promise<void> {
  // Nothing starts its agent again while it joins.
  await host.kill();
  await scene.lab.join(host, by, "--yes");
}

export async function hostsOf(from: Host): Promise<readonly HostStatus[]> {
  return hostStatusSchema.array().parse(await from.json("host", "list"));
}

const membersSchema = z.object({
  members: z.array(z.object({ name: z.string().optional(), isLearner: z.boolean().optional() })),
});

/** Three hosts of those that there are keep the store, each with a vote, and hold the authority's key. */
export async function storeIsWhole(from: Host): Promise<readonly string[]> {
  let seen = "";
  return until(
    "three hosts to keep the store",
    async () => {
      const hosts = await hostsOf(from);
      const places = hosts.filter((host) => host.runs_store && host.signs).map(({ name }) => name);
      const told = membersSchema.safeParse(await from.storeMembers());
      const voting = (told.data?.members ?? []).flatMap(({ name, isLearner }) => (isLearner ? [] : (name ?? "")));
      seen = `places of ${places.join(", ")}; voting ${voting.join(", ")}`;
      return places.length === 3 && places.join() === voting.toSorted().join() ? places : undefined;
    },
    { withinMs: 90_000, seen: () => seen },
  );
}

/** Of all members, those on this host. */
export async function membersOn(scene: Scene, host: Host): Promise<readonly string[]> {
  const status = await scene.cluster.status();
  return (status?.members ?? []).filter((member) => member.host === host.name).map(({ id }) => id);
}
