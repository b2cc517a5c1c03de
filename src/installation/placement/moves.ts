/**
 * What a drain does with the members of a host: the primary's role goes first, then each member gets a successor on
 * another host and leaves when that one serves. The wishes are in the store: an agent that ends in the middle leaves a
 * replacement that the holder's agent finishes (replace.ts).
 */
import type { Asked } from "../../contract/installation.ts";
import type { ClusterRecord, MemberRecord } from "../../domain/cluster.ts";
import { awake } from "../awake.ts";
import { switchOver } from "../changes.ts";
import type { GivenUp, HostMoves, PlacedMember } from "../hosts/parts.ts";
import { awaitCluster, clusterOf, type Parts } from "../parts.ts";
import { wishForMembers } from "./add.ts";
import { dropFromSpec, spareHost } from "./replace.ts";

const switchMs = 180_000;
/** A copy of a large database takes its time. */
const copyMs = 24 * 3_600_000;

export function hostMoves(parts: Parts): HostMoves {
  return {
    membersOn: (host) => membersOn(parts, host),
    switchAway: (member, asked) => switchAway(parts, member, asked),
    moveAway: (member, asked) => moveAway(parts, member, asked),
    giveUp: (member) => giveUp(parts, member),
  };
}

function membersOn({ runtime }: Parts, host: string): readonly PlacedMember[] {
  return [...runtime.clusters.values()]
    .flatMap(({ name, record }) =>
      Object.values(record.members)
        .filter(({ value }) => value.host === host)
        .map(({ value: { id } }) => ({ cluster: name, member: id, isPrimary: record.reign.value.holder === id })),
    )
    .toSorted((a, b) => Number(b.isPrimary) - Number(a.isPrimary));
}

async function switchAway(parts: Parts, { cluster, member }: PlacedMember, asked: Asked): Promise<void> {
  if (clusterOf(parts, cluster).record.reign.value.holder !== member) return;
  await switchOver(parts, cluster, undefined, asked);
  await awaitCluster(
    parts,
    cluster,
    ({ record }) => record.reign.value.holder !== member && record.reign.value.phase === "open",
    { withinMs: switchMs, describe: () => `"${member}" is still the primary of "${cluster}".` },
  );
}

async function moveAway(parts: Parts, { cluster, member }: PlacedMember, asked: Asked): Promise<string | undefined> {
  // Its copy is made from a server that runs.
  const { record } = await awake(parts, cluster, asked);
  const lost = record.members[member]?.value;
  if (!lost) return member;
  const successor = successorOf(record, member) ?? (await placeElsewhere(parts, cluster, lost));
  if (successor === undefined) return undefined;
  await awaitCluster(parts, cluster, (now) => !now.record.members[member], {
    withinMs: copyMs,
    describe: () => `"${successor}" does not serve in the place of "${member}" yet.`,
  });
  return successor;
}

/**
 * Only the wish is written: its host is silent for good, so the holder's agent lets the lost one go when its successor
 * serves, and forgets it (replace.ts).
 */
async function giveUp(parts: Parts, { cluster, member }: PlacedMember): Promise<GivenUp> {
  const { record } = clusterOf(parts, cluster);
  const lost = record.members[member]?.value;
  const successor = lost && (successorOf(record, member) ?? (await placeElsewhere(parts, cluster, lost)));
  if (lost && successor === undefined) await dropFromSpec(parts, cluster, member);
  return { cluster, member, successor };
}

function successorOf(record: ClusterRecord, member: string): string | undefined {
  return Object.values(record.members).find(({ value }) => value.replaces === member)?.value.id;
}

async function placeElsewhere(parts: Parts, cluster: string, lost: MemberRecord): Promise<string | undefined> {
  const host = spareHost(parts, clusterOf(parts, cluster).record, lost);
  if (host === undefined) return undefined;
  return (await wishForMembers(parts, cluster, { count: 1, replaces: lost, host })).ids[0];
}
