/** A cluster as the API tells it, from the agent's runtime. Pure. */
import { lagMsMaxOf } from "../agent/freshness.ts";
import type { LimitLook } from "../agent/member-limits.ts";
import type { ClusterRuntime, MemberRuntime } from "../agent/runtime.ts";
import type { AttachmentStatus } from "../contract/attachment.ts";
import type { ArchiveStatus, ClusterStatus, MemberStatus, Resources } from "../contract/cluster.ts";
import { isVoter } from "../core/candidates.ts";
import { formatReason } from "../core/reason.ts";
import { inPrimaryRegion, mayVote, votersInFull } from "../core/regions.ts";
import type { ArchiveLook } from "../domain/archive.ts";
import type { Attachment } from "../domain/attachment.ts";
import { isAsleep, type ClusterRecord, type ClusterSpec, type MemberRecord } from "../domain/cluster.ts";
import { bytesBetween, formatLsn, type Lsn } from "../domain/lsn.ts";
import type { ProofRecord } from "../domain/proof.ts";
import { usualAcks } from "../domain/rule.ts";
import type { Server } from "../domain/server.ts";
import { makesCluster } from "./making.ts";
import { proofStatusOf } from "./proof/status.ts";
import { compareVersions, newestOf } from "../drivers/postgres/engine/releases.ts";

export interface StatusContext {
  /** where this host's endpoints listen */
  readonly endpointHost: string;
  readonly hostName: string;
  readonly statusUrl: (member: MemberRecord) => string | undefined;
  /** `18.4`, where no server says it */
  readonly version: string;
  /** of this major, what is newest without asking any network */
  readonly newestVersion: string | undefined;
  /** running operation of this cluster, and its kind */
  readonly operation: { readonly id: string; readonly kind: string } | undefined;
  readonly wallNow: number;
  readonly proofs?: ProofRecord;
}

/** A stream this far behind is catching up rather than streaming. */
const streamingLagBytes = 16 * 1024 * 1024;

export function clusterStatus(cluster: ClusterRuntime, context: StatusContext): ClusterStatus {
  const { record } = cluster;
  const spec = record.spec.value;
  const primary = servingPrimary(cluster);
  const { rule } = record.rule.value;
  const state = stateOf(cluster, context);
  return {
    name: spec.name,
    generation: spec.generation,
    state,
    detail: detailOf(cluster, state),
    version: (primary && runningVersion(primary)) ?? context.version,
    newer_version: newerThanRunning(cluster, context.newestVersion),
    engine: spec.engine,
    engine_directory: spec.engineDirectory ?? null,
    durability: spec.durability,
    epoch: record.reign.value.epoch,
    primary: primary?.id ?? null,
    primary_region: spec.primaryRegion,
    timeline: record.reign.value.timeline,
    rule: { voters: rule.voters.map((voter) => voter.member), acks: rule.acks },
    endpoints: {
      primary: { host: context.endpointHost, port: spec.ports.primary },
      read: { host: context.endpointHost, port: spec.ports.read },
      pooled:
        spec.pool?.isOn && spec.ports.pooled !== undefined
          ? { host: context.endpointHost, port: spec.ports.pooled }
          : null,
    },
    members: [...cluster.members.values()]
      .toSorted((a, b) => memberNumber(a.id) - memberNumber(b.id))
      .map((member) => memberStatus(cluster, member, context)),
    paused_until:
      record.pause && record.pause.value.until > context.wallNow
        ? new Date(record.pause.value.until).toISOString()
        : null,
    operation: context.operation?.id ?? null,
    autostop_ms: spec.autostopMs ?? null,
    copy_of: copyOf(spec),
    asleep_since: isAsleep(record) ? new Date(record.sleep?.value.since ?? 0).toISOString() : null,
    reads: {
      max_lag_ms: lagMsMaxOf(spec),
      max_lag_bytes: spec.readLagBytesMax,
      fallback: spec.reads?.fallback ?? "primary",
    },
    store: storeStatusOf(cluster),
    archive: cluster.archive === undefined ? null : archiveStatus(cluster.archive, context.wallNow),
    proof: context.proofs === undefined ? null : proofStatusOf(spec, context.proofs, context.wallNow),
    attachments: Object.values(record.attachments)
      .map(({ value }) => attachmentStatus(value))
      .toSorted((a, b) => (a.app < b.app ? -1 : 1)),
    created_at: new Date(spec.createdAt).toISOString(),
  };
}

function archiveStatus(
  { state, reason, waitingBytes, archivedUntil, repositoryUntil, windows, firstSnapshotAt, hasEarlier }: ArchiveLook,
  wallNow: number,
): ArchiveStatus {
  const time = (ms: number): string => new Date(ms).toISOString();
  const age = (ms: number): number => Math.max(0, Math.round((wallNow - ms) / 1000));
  return {
    state,
    reason: reason ?? null,
    waiting_bytes: waitingBytes,
    archived_until: archivedUntil === undefined ? null : time(archivedUntil),
    archive_lag_seconds: archivedUntil === undefined ? null : age(archivedUntil),
    repository_until: repositoryUntil === undefined ? null : time(repositoryUntil),
    repository_lag_seconds: repositoryUntil === undefined ? null : age(repositoryUntil),
    restorable: windows.map(({ from, until }) => ({ from: time(from), until: time(until) })),
    first_snapshot_at: firstSnapshotAt === undefined ? null : time(firstSnapshotAt),
    has_earlier: hasEarlier === true,
  };
}

export function attachmentStatus({ envFile, createdAt, phase, isPooled, ...same }: Attachment): AttachmentStatus {
  return {
    ...same,
    pooled: isPooled === true,
    state: phase,
    env_file: envFile,
    created_at: new Date(createdAt).toISOString(),
  };
}

export function storeStatusOf({
  storeReachable: reachable,
  storeAwaySince: since,
}: Pick<ClusterRuntime, "storeReachable" | "storeAwaySince">): ClusterStatus["store"] {
  return { reachable, since: reachable || since === undefined ? null : new Date(since).toISOString() };
}

export function runningVersion({ server }: MemberRuntime): string | undefined {
  return server.kind === "running" ? server.version : undefined;
}

/** Also what a member would get at its next start: the machine's packages may have been replaced under it. */
function newerThanRunning({ members }: ClusterRuntime, known: string | undefined): string | null {
  const all = [...members.values()];
  const newest = newestOf([
    ...all.flatMap(({ installed }) => installed ?? []),
    ...(known === undefined ? [] : [known]),
  ]);
  if (newest === undefined) return null;
  const isOlder = all.some((member) => compareVersions(runningVersion(member) ?? newest, newest) < 0);
  return isOlder ? newest : null;
}

export function memberNumber(id: string): number {
  return Number(id.slice(id.lastIndexOf("-") + 1));
}

/** The holder, once it is open and its server takes writes. */
export function servingPrimary(cluster: ClusterRuntime): MemberRuntime | undefined {
  const { holder, phase } = cluster.record.reign.value;
  const member = cluster.members.get(holder);
  return phase === "open" && member?.server.kind === "running" && member.server.role === "primary" ? member : undefined;
}

function memberStatus(cluster: ClusterRuntime, member: MemberRuntime, context: StatusContext): MemberStatus {
  const { record } = cluster;
  const own = record.members[member.id]?.value;
  const { server } = member;
  const flushed = flushedOf(server);
  const end = endOfLog(cluster);
  return {
    id: member.id,
    host: own?.host ?? context.hostName,
    region: own?.region ?? "",
    zone: own?.zone ?? "",
    role: roleOf(record, member),
    state: memberState(member, end),
    pid: member.pid ?? null,
    port: own?.port ?? 0,
    socket_directory: member.socketDirectory,
    data_directory: own?.dataDirectory ?? "",
    status_url: (own && context.statusUrl(own)) ?? null,
    timeline: server.kind === "running" || server.kind === "stopped" ? server.timeline : null,
    flushed_lsn: flushed === undefined ? null : formatLsn(flushed),
    lag_bytes: flushed === undefined || end === undefined ? null : bytesBetween(flushed, end),
    is_voter: isVoter(record, member.id),
    is_read_replica: !mayVote(record, member.id),
    upstream: own?.upstream ?? null,
    resources: resourcesOf(record.spec.value, member.limits),
    read: readOf(member),
    incarnation: own?.incarnation ?? 0,
    version: runningVersion(member) ?? null,
    because: member.progress
      ? progressText(member.progress)
      : member.decision
        ? formatReason(member.decision.because)
        : "not looked at yet",
  };
}

function resourcesOf({ memoryBytes, cpus }: ClusterSpec, limits: LimitLook | undefined): Resources {
  const problem = limits?.problem;
  return {
    memory_bytes: memoryBytes,
    cpus,
    memory_limited: limits?.memoryBytes === memoryBytes,
    cpus_limited: limits?.cpus === cpus,
    memory_used_bytes: limits?.heldBytes ?? null,
    note: problem === undefined ? null : `${problem.why}. ${problem.how}`,
  };
}

function readOf({ server, reads }: MemberRuntime): MemberStatus["read"] {
  if (!reads || server.kind !== "running" || server.role !== "standby") return null;
  const { lagBytes, lagMs, isBehind } = reads;
  return {
    lag_bytes: lagBytes,
    lag_ms: lagMs === null ? null : Math.round(lagMs),
    serves: server.streaming && !isBehind,
  };
}

function progressText({ step, bytesDone, bytesTotal }: NonNullable<MemberRuntime["progress"]>): string {
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1_000_000)} MB`;
  return bytesTotal === undefined
    ? `${step}: ${megabytes(bytesDone)}`
    : `${step}: ${megabytes(bytesDone)} of ${megabytes(bytesTotal)}`;
}

/** Of one that says nothing now, by the records: what it was last, another one may be meanwhile. */
function roleOf(record: ClusterRecord, { id, server }: MemberRuntime): "primary" | "standby" {
  if (server.kind === "running") return server.role;
  return id === record.reign.value.holder && record.reign.value.phase !== "released" ? "primary" : "standby";
}

function memberState(member: MemberRuntime, end: Lsn | undefined): MemberStatus["state"] {
  const { server, busy } = member;
  if (busy.includes("clone")) return "cloning";
  if (busy.includes("rewind")) return "rewinding";
  switch (server.kind) {
    case "running":
      if (server.role === "primary") return "running";
      if (!server.streaming) return "catching-up";
      return end !== undefined && bytesBetween(server.flushed, end) > streamingLagBytes ? "catching-up" : "streaming";
    case "starting":
      return "starting";
    case "unresponsive":
      return "unreachable";
    case "stopped":
      return server.damaged || server.failures > 2 ? "failed" : "stopped";
    case "absent":
      return "failed";
  }
}

function flushedOf(server: Server): Lsn | undefined {
  if (server.kind === "running") return server.flushed;
  return server.kind === "stopped" ? server.end : undefined;
}

function endOfLog(cluster: ClusterRuntime): Lsn | undefined {
  const primary = servingPrimary(cluster);
  return primary && flushedOf(primary.server);
}

function stateOf(cluster: ClusterRuntime, { operation, wallNow }: StatusContext): ClusterStatus["state"] {
  const { record } = cluster;
  if (operation && makesCluster(operation.kind)) return "creating";
  if (operation?.kind === "destroy") return "destroying";
  if (record.spec.value.wish === "stopped") return "stopped";
  if (isAsleep(record)) return "asleep";
  if (record.pause && record.pause.value.until > wallNow) return "paused";
  if (
    record.intent?.value.kind === "switchover" &&
    record.intent.value.epoch <= record.reign.value.epoch &&
    !servingPrimary(cluster)
  )
    return "switching-over";
  if (!servingPrimary(cluster)) return canRecover(cluster) ? "failing-over" : "unavailable";
  if (writesWait(cluster)) return "unavailable";
  return isWhole(cluster) ? "healthy" : "degraded";
}

function canRecover(cluster: ClusterRuntime): boolean {
  return [...cluster.members.values()].every((member) => member.decision?.because.code !== "votes-missing");
}

function writesWait(cluster: ClusterRuntime): boolean {
  return [...cluster.members.values()].some((member) => member.decision?.because.code === "writes-wait");
}

/** Every member runs and streams, and the rule is what the cluster's size allows. */
function isWhole(cluster: ClusterRuntime): boolean {
  const { members, durability } = cluster.record.spec.value;
  const { rule } = cluster.record.rule.value;
  const streaming = [...cluster.members.values()].filter(
    ({ server }) => server.kind === "running" && server.role === "standby" && server.streaming,
  );
  const voters = votersInFull(cluster.record);
  return (
    streaming.length === members.length - 1 &&
    inPrimaryRegion(cluster.record, cluster.record.reign.value.holder) &&
    (durability === "async" || (rule.voters.length === voters && rule.acks === usualAcks(voters)))
  );
}

function detailOf(cluster: ClusterRuntime, state: ClusterStatus["state"]): string {
  const { holder } = cluster.record.reign.value;
  const decisions = [...cluster.members.values()].flatMap(({ id, decision }) =>
    decision ? [{ id, because: decision.because }] : [],
  );
  const waiting = decisions.find(({ because }) => because.code === "votes-missing" || because.code === "writes-wait");
  switch (state) {
    case "healthy":
      return "every member is up and streaming";
    case "stopped":
      return `stopped, as asked; start it with: matriarch start ${cluster.name}`;
    case "asleep":
      return `no client needed it; the next one wakes it, and so does: matriarch start ${cluster.name}`;
    case "unavailable":
      return waiting ? formatReason(waiting.because) : `no member can be primary now`;
    case "degraded":
      return degradedDetail(cluster);
    default: {
      const leading = decisions.find(({ id }) => id === holder) ?? decisions[0];
      return leading ? formatReason(leading.because) : "not looked at yet";
    }
  }
}

function degradedDetail(cluster: ClusterRuntime): string {
  const away = [...cluster.members.values()].filter(
    ({ server }) => server.kind !== "running" || (server.role === "standby" && !server.streaming),
  );
  const { reign, spec } = cluster.record;
  if (away.length === 0 && !inPrimaryRegion(cluster.record, reign.value.holder))
    return `the primary belongs in region "${spec.value.primaryRegion}" and moves there when a member is fit`;
  if (away.length === 0) return "every member is up; the commit rule is being brought back to full strength";
  return away
    .map(({ id, decision }) => `"${id}": ${decision ? formatReason(decision.because) : "not looked at yet"}`)
    .join("; ");
}

function copyOf({ fork }: ClusterSpec): ClusterStatus["copy_of"] {
  if (fork === undefined) return null;
  const { of: cluster, at, expiresAt } = fork;
  const end = expiresAt === undefined ? null : new Date(expiresAt).toISOString();
  return { cluster, at: new Date(at).toISOString(), destroyed_at: end };
}
