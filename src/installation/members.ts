/** More members, fewer, or a new copy of one. Written as a wish; the loops copy, catch up, admit, drop and remove. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterRuntime } from "../agent/runtime.ts";
import { inPrimaryRegion } from "../core/regions.ts";
import type { Asked } from "../contract/installation.ts";
import type { ClusterRecord, MemberId, MemberRecord } from "../domain/cluster.ts";
import type { Server } from "../domain/server.ts";
import { OpError } from "../errors/op-error.ts";
import type { OperationRecord } from "../events/event.ts";
import { awake } from "./awake.ts";
import { begin, follow, refuseUnfit } from "./changes.ts";
import { amend, awaitCluster, clusterOf, isHere, memberOf, type Parts } from "./parts.ts";
import { chooseFor, wishForMembers, type Added, type AddWish } from "./placement/add.ts";
import { silentMs } from "./placement/hosts.ts";
import { forgetMember } from "./placement/replace.ts";
import { memberNumber } from "./status.ts";

const membersMax = 16;
/** A copy of a large database takes its time; the operation goes on as long as it does. */
const copyMs = 24 * 3_600_000;
const goneMs = 180_000;
/** A host that has been silent for so long is not waited for. */
const lostMs = 5000;
const lookMs = 1000;

export async function scaleCluster(parts: Parts, name: string, count: number, asked: Asked): Promise<OperationRecord> {
  const cluster = await awake(parts, name, asked);
  refuseUnfit(parts, cluster);
  if (count < 1 || count > membersMax)
    throw new OpError("bad-value", { message: `a cluster has 1 to ${membersMax} members, not ${count}` });
  const members = inRegion(cluster);
  const operation = begin(parts, "scale", name, asked, `from ${members.length} to ${count} members`);
  return follow(parts, operation, async () => {
    await dropTo(parts, name, count);
    const warning = await growTo(parts, name, count);
    return warning === undefined ? undefined : { warning };
  });
}

/** In the primary region. Nothing when there are no more. */
export async function dropTo(parts: Parts, name: string, count: number): Promise<void> {
  const cluster = clusterOf(parts, name);
  const leaving = lastToGo(cluster, inRegion(cluster).length - count);
  if (leaving.length > 0) await dropMembers(parts, name, leaving);
}

/** In the primary region; nothing when there are enough. @returns what a person should know of where they are */
export async function growTo(parts: Parts, name: string, count: number): Promise<string | undefined> {
  const missing = count - inRegion(clusterOf(parts, name)).length;
  if (missing <= 0) return undefined;
  const { warnings } = await addMembers(parts, name, { count: missing });
  return warnings.length === 0 ? undefined : warnings.join("; ");
}

function inRegion({ record }: ClusterRuntime): readonly MemberId[] {
  return record.spec.value.members.filter((member) => inPrimaryRegion(record, member));
}

export async function addMember(
  parts: Parts,
  name: string,
  where: Pick<AddWish, "region" | "zone" | "host" | "upstream">,
  asked: Asked,
): Promise<OperationRecord> {
  const cluster = await awake(parts, name, asked);
  refuseUnfit(parts, cluster);
  if (cluster.record.spec.value.members.length >= membersMax)
    throw new OpError("bad-value", { message: `a cluster has at most ${membersMax} members` });
  if (where.upstream !== undefined) refuseUpstream(cluster, where.upstream);
  const wish = { ...where, count: 1 };
  refusePlace(parts, cluster, wish);
  const operation = begin(parts, "member add", name, asked, "copying from the primary");
  return follow(parts, operation, async () => {
    const { ids, warnings } = await addMembers(parts, name, wish);
    const { members } = clusterOf(parts, name).record;
    const where = ids.map((id) => `"${id}" on host "${members[id]?.value.host ?? parts.hostName}"`);
    return { message: where.join(", "), ...(warnings.length === 0 ? {} : { warning: warnings.join("; ") }) };
  });
}

function refuseUpstream(cluster: ClusterRuntime, member: MemberId): void {
  memberOf(cluster, member);
  const { members, reign } = cluster.record;
  if (member === reign.value.holder)
    throw new OpError("bad-value", {
      message: `"${member}" is the primary, which members follow anyway`,
      hint: `Name a standby, or leave --upstream out: matriarch status ${cluster.name}`,
    });
  const above = members[member]?.value.upstream;
  if (above !== undefined)
    throw new OpError("bad-value", {
      message: `"${member}" follows "${above}" itself, and nobody follows it`,
      hint: `Name "${above}" instead.`,
    });
}

/** At once, not only in the operation. @throws OpError no-host, host-not-found, engine-missing */
function refusePlace(parts: Parts, cluster: ClusterRuntime, wish: AddWish): void {
  const isAsked = wish.region !== undefined || wish.zone !== undefined || wish.host !== undefined;
  if (chooseFor(parts, cluster.record, wish) === undefined && isAsked)
    throw new OpError("no-host", {
      message: "this installation has one host and no regions or zones",
      hint: "Make one over several hosts with: matriarch host init",
    });
}

export async function removeMember(parts: Parts, name: string, member: string, asked: Asked): Promise<OperationRecord> {
  const cluster = await awake(parts, name, asked);
  refuseUnfit(parts, cluster);
  memberOf(cluster, member);
  refusePrimary(cluster, member, "removed");
  const operation = begin(parts, "member remove", name, asked, `removing ${member}`);
  return follow(parts, operation, () => dropMembers(parts, name, [member]));
}

export async function recloneMember(
  parts: Parts,
  name: string,
  member: string,
  asked: Asked,
): Promise<OperationRecord> {
  const cluster = await awake(parts, name, asked);
  refuseUnfit(parts, cluster);
  memberOf(cluster, member);
  refusePrimary(cluster, member, "copied anew");
  const was = cluster.record.members[member]?.value.incarnation ?? 0;
  const operation = begin(parts, "member reclone", name, asked, `copying ${member} anew`);
  return follow(parts, operation, async () => {
    await amend(parts, name, (record) => ({
      require: [`member/${member}`],
      write: [{ key: `member/${member}`, value: { ...recordOf(record, member), wish: "reclone" } }],
    }));
    const renewed = (current: ClusterRuntime): boolean =>
      (current.record.members[member]?.value.incarnation ?? 0) > was && isStreaming(current, member);
    await awaitCluster(parts, name, renewed, { withinMs: copyMs, describe: () => `"${member}" does not stream yet.` });
  });
}

function recordOf(record: ClusterRecord, member: MemberId): MemberRecord {
  const found = record.members[member]?.value;
  if (found) return found;
  throw new OpError("member-not-found", { message: `member "${member}" does not exist any more` });
}

async function addMembers(parts: Parts, name: string, wish: AddWish): Promise<Added> {
  const added = await wishForMembers(parts, name, wish);
  await awaitCluster(parts, name, (cluster) => added.ids.every((id) => isStreaming(cluster, id)), {
    withinMs: copyMs,
    describe: () => `Not every one of ${added.ids.join(", ")} streams yet.`,
  });
  return added;
}

export async function dropMembers(parts: Parts, name: string, leaving: readonly MemberId[]): Promise<void> {
  await amend(parts, name, ({ spec, reign }) => {
    if (leaving.includes(reign.value.holder))
      throw new OpError("busy", {
        message: `"${reign.value.holder}" is the primary now, and so cannot be taken out`,
        detail: "Should it be lost, nobody has taken over from it yet.",
        hint: `See why, and who could: matriarch explain ${name}`,
      });
    const members = spec.value.members.filter((member) => !leaving.includes(member));
    return {
      require: ["spec", "reign"],
      write: [{ key: "spec", value: { ...spec.value, members, generation: spec.value.generation + 1 } }],
    };
  });
  const over = new AbortController();
  const forgetting = forgetUnreachable(parts, name, leaving, over.signal);
  try {
    await awaitCluster(parts, name, (cluster) => leaving.every((id) => !cluster.record.members[id]), {
      withinMs: goneMs,
      describe: () => stillThere(clusterOf(parts, name), leaving),
    });
  } finally {
    over.abort();
    await forgetting;
  }
}

/**
 * A member on a host that does not answer cannot remove itself: once it is no voter, its record goes. Its host may fall
 * silent only now, so it is looked at again and again; one that is away for a moment does it itself.
 */
async function forgetUnreachable(
  parts: Parts,
  name: string,
  leaving: readonly MemberId[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const record = parts.runtime.clusters.get(name)?.record;
    if (!record) return;
    const lost = leaving
      .flatMap((id) => record.members[id]?.value ?? [])
      .filter(({ id, host }) => !isHere(parts, { host }) && silentMs(parts, host) >= lostMs && !isNamed(record, id));
    for (const member of lost)
      await forgetMember(parts, name, member).catch((error: unknown) =>
        parts.log.warn("a member that is to go is not forgotten yet", { cluster: name, member: member.id, error }),
      );
    await sleep(lookMs, undefined, { signal }).catch(() => undefined);
  }
}

function stillThere({ record }: ClusterRuntime, leaving: readonly MemberId[]): string {
  const left = leaving.filter((id) => record.members[id]);
  const named = left.filter((id) => isNamed(record, id));
  if (named.length > 0) return `${named.join(", ")}: still a voter, and its vote may be needed.`;
  return `Not all of ${left.join(", ")} are gone yet.`;
}

function isNamed({ rule }: ClusterRecord, member: MemberId): boolean {
  return [rule.value.rule, ...rule.value.previous].some(({ voters }) =>
    voters.some((voter) => voter.member === member),
  );
}

/** The youngest standbys of the primary region: read replicas go by name only. */
function lastToGo(cluster: ClusterRuntime, count: number): readonly MemberId[] {
  if (count <= 0) return [];
  const { spec, reign } = cluster.record;
  return spec.value.members
    .filter((member) => member !== reign.value.holder && inPrimaryRegion(cluster.record, member))
    .toSorted((a, b) => memberNumber(b) - memberNumber(a))
    .slice(0, count);
}

function refusePrimary(cluster: ClusterRuntime, member: string, what: string): void {
  if (cluster.record.reign.value.holder !== member) return;
  throw new OpError("data-loss-refused", {
    message: `"${member}" is the primary and cannot be ${what}`,
    hint: `Move its role first: matriarch switchover ${cluster.name}`,
  });
}

/** The members that there are, are those that should be, and every standby of them streams. */
export function isSettled({ record, members }: ClusterRuntime): boolean {
  const wanted = record.spec.value.members;
  const present = Object.values(record.members).map((member) => member.value);
  const others = wanted.filter((member) => member !== record.reign.value.holder);
  return (
    present.length === wanted.length &&
    present.every(({ wish }) => wish === "none") &&
    others.every((id) => isStreamingServer(members.get(id)?.server))
  );
}

function isStreaming(cluster: ClusterRuntime, member: MemberId): boolean {
  return isStreamingServer(cluster.members.get(member)?.server);
}

function isStreamingServer(server: Server | undefined): boolean {
  return server?.kind === "running" && server.role === "standby" && server.streaming;
}
