/** More members, fewer, or a new copy of one. Written as a wish; the loops copy, catch up, admit, drop and remove. */
import type { ClusterRuntime } from "../agent/runtime.ts";
import type { Asked } from "../contract/installation.ts";
import type { ClusterRecord, MemberId, MemberRecord } from "../domain/cluster.ts";
import { localRegion } from "../domain/host.ts";
import type { Server } from "../domain/server.ts";
import { OpError } from "../errors/op-error.ts";
import type { OperationRecord } from "../events/event.ts";
import { begin, follow, refuseUnfit } from "./changes.ts";
import { amend, awaitCluster, clusterOf, memberOf, type Parts } from "./parts.ts";
import { claimMemberPorts } from "./ports.ts";
import { memberNumber } from "./status.ts";

const membersMax = 16;
/** A copy of a large database takes its time; the operation goes on as long as it does. */
const copyMs = 24 * 3_600_000;

export async function scaleCluster(parts: Parts, name: string, count: number, asked: Asked): Promise<OperationRecord> {
  const cluster = clusterOf(parts, name);
  refuseUnfit(parts, cluster);
  if (count < 1 || count > membersMax)
    throw new OpError("bad-value", { message: `a cluster has 1 to ${membersMax} members, not ${count}` });
  const { members } = cluster.record.spec.value;
  const leaving = lastToGo(cluster, members.length - count);
  const operation = begin(parts, "scale", name, asked, `from ${members.length} to ${count} members`);
  return follow(parts, operation, async () => {
    if (count > members.length) await addMembers(parts, name, count - members.length);
    else if (leaving.length > 0) await dropMembers(parts, name, leaving);
  });
}

export async function addMember(parts: Parts, name: string, asked: Asked): Promise<OperationRecord> {
  const cluster = clusterOf(parts, name);
  refuseUnfit(parts, cluster);
  if (cluster.record.spec.value.members.length >= membersMax)
    throw new OpError("bad-value", { message: `a cluster has at most ${membersMax} members` });
  const operation = begin(parts, "member add", name, asked, "copying from the primary");
  return follow(parts, operation, () => addMembers(parts, name, 1));
}

export async function removeMember(parts: Parts, name: string, member: string, asked: Asked): Promise<OperationRecord> {
  const cluster = clusterOf(parts, name);
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
  const cluster = clusterOf(parts, name);
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

async function addMembers(parts: Parts, name: string, count: number): Promise<void> {
  const ports = await claimMemberPorts(parts, count);
  parts.ports.letGo(ports);
  try {
    await addOnPorts(parts, name, ports);
  } finally {
    parts.ports.forget(ports);
  }
}

async function addOnPorts(parts: Parts, name: string, ports: readonly number[]): Promise<void> {
  const count = ports.length;
  let added: readonly MemberId[] = [];
  await amend(parts, name, ({ spec }) => {
    const { members, lastMember, generation } = spec.value;
    added = ports.map((_, index) => `${name}-${lastMember + index + 1}`);
    const changed = {
      ...spec.value,
      members: [...members, ...added],
      lastMember: lastMember + count,
      generation: generation + 1,
    };
    const records = added.map((id, index) => newMember(parts, name, id, ports[index] ?? 0));
    return {
      require: ["spec", ...added.map((id): `member/${string}` => `member/${id}`)],
      write: [
        { key: "spec", value: changed },
        ...records.map((value) => ({ key: `member/${value.id}` as const, value })),
      ],
    };
  });
  await awaitCluster(parts, name, (cluster) => added.every((id) => isStreaming(cluster, id)), {
    withinMs: copyMs,
    describe: () => `Not every one of ${added.join(", ")} streams yet.`,
  });
}

function newMember(parts: Parts, cluster: string, id: MemberId, port: number): MemberRecord {
  return {
    id,
    host: parts.hostName,
    region: localRegion,
    zone: localRegion,
    port,
    dataDirectory: parts.servers.dataDirectory(cluster, id),
    incarnation: 1,
    wish: "none",
    createdAt: parts.clock.wallNow(),
  };
}

async function dropMembers(parts: Parts, name: string, leaving: readonly MemberId[]): Promise<void> {
  await amend(parts, name, ({ spec, reign }) => {
    if (leaving.includes(reign.value.holder))
      throw new OpError("busy", {
        message: `"${reign.value.holder}" has become the primary meanwhile`,
        hint: "Try again.",
      });
    const members = spec.value.members.filter((member) => !leaving.includes(member));
    return {
      require: ["spec", "reign"],
      write: [{ key: "spec", value: { ...spec.value, members, generation: spec.value.generation + 1 } }],
    };
  });
  await awaitCluster(parts, name, (cluster) => leaving.every((id) => !cluster.record.members[id]), {
    withinMs: 180_000,
    describe: () => `Not all of ${leaving.join(", ")} are gone yet.`,
  });
}

/** The youngest standbys. */
function lastToGo(cluster: ClusterRuntime, count: number): readonly MemberId[] {
  if (count <= 0) return [];
  const { spec, reign } = cluster.record;
  return spec.value.members
    .filter((member) => member !== reign.value.holder)
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
