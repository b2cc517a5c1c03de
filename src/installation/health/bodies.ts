/**
 * The JSON of the status endpoint, field by field as Patroni has it: `/patroni` (and every check), `/cluster`,
 * `/history`, `/config`. Pure. Source: Patroni's REST API manual, versions 3 and 4.
 */
import type { ClusterRuntime, MemberRuntime } from "../../agent/runtime.ts";
import type { ClusterRecord } from "../../domain/cluster.ts";
import { formatLsn } from "../../domain/lsn.ts";
import type { RunningServer, StandbyStream } from "../../domain/server.ts";
import { defaultTimings } from "../../domain/cluster.ts";
import { isHolder, kindOf, lagOf, roleWord, stateWord, tagsOf, type HealthContext } from "./words.ts";

export function memberBody(cluster: ClusterRuntime, member: MemberRuntime, context: HealthContext): object {
  const { record } = cluster;
  const { server, id } = member;
  const kind = kindOf(record, id);
  const isUnlocked = record.reign.value.phase !== "open";
  return {
    state: stateWord(member),
    role: roleWord(server),
    ...(server.kind === "running" ? runningPart(server, kind) : {}),
    dcs_last_seen: context.storeSeenAt,
    ...(isUnlocked ? { cluster_unlocked: true } : {}),
    tags: tagsOf(record, id, context),
    database_system_identifier: record.spec.value.systemIdentifier,
    ...(server.kind === "running" && server.pendingRestart ? { pending_restart: true } : {}),
    ...(isPaused(record, context) ? { pause: true } : {}),
    patroni: { version: context.version, scope: cluster.name, name: id },
  };
}

function runningPart(server: RunningServer, kind: string): object {
  const isReplica = server.role === "standby";
  return {
    ...(server.startedAt === undefined ? {} : { postmaster_start_time: timeWord(server.startedAt) }),
    server_version: versionNumber(server.version),
    xlog: isReplica
      ? {
          received_location: Number(server.flushed),
          replayed_location: Number(server.replayed),
          replayed_timestamp: server.replayedAt === undefined ? null : timeWord(server.replayedAt),
          paused: server.settingsTooLow === true,
        }
      : { location: Number(server.flushed) },
    timeline: server.timeline,
    ...(isReplica && kind === "sync" ? { sync_standby: true } : {}),
    ...(isReplica && kind === "quorum" ? { quorum_standby: true } : {}),
    ...(isReplica && server.streaming ? { replication_state: "streaming" } : {}),
    ...(server.standbys.length > 0 ? { replication: server.standbys.map(replicationRow) } : {}),
  };
}

function replicationRow({ name, state, isSync }: StandbyStream): object {
  return {
    usename: "matriarch_replication",
    application_name: name,
    // Between hosts it comes out of a relay, on one host over a Unix socket.
    client_addr: null,
    state,
    sync_state: isSync ? "quorum" : "async",
    sync_priority: isSync ? 1 : 0,
  };
}

/** As Postgres writes it in UTC, which is what Patroni passes on. */
function timeWord(wallMs: number): string {
  return new Date(wallMs).toISOString().replace("T", " ").replace("Z", "+00:00");
}

/** `server_version_num` of `18.4`: 180004. */
export function versionNumber(version: string | undefined): number {
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  return (Number.isFinite(major) ? major : 0) * 10_000 + (Number.isFinite(minor) ? minor : 0);
}

export function clusterBody(cluster: ClusterRuntime, context: HealthContext): object {
  const { record } = cluster;
  const members = [...cluster.members.values()].toSorted((a, b) => a.id.localeCompare(b.id, "en"));
  return {
    members: members.map((member) => clusterRow(cluster, member, context)),
    scope: cluster.name,
    ...(isPaused(record, context) ? { pause: true } : {}),
  };
}

function clusterRow(cluster: ClusterRuntime, member: MemberRuntime, context: HealthContext): object {
  const { record } = cluster;
  const { server, id } = member;
  const isLeader = isHolder(record, member) && roleWord(server) === "primary";
  return {
    name: id,
    role: isLeader ? "leader" : replicaWord(record, id),
    state: server.kind === "running" && server.streaming ? "streaming" : stateWord(member),
    api_url: `${context.urlOf(id) ?? ""}/patroni`,
    ...context.addressOf(id),
    ...(server.kind === "running" ? { timeline: server.timeline } : {}),
    ...(server.kind === "running" && server.pendingRestart ? { pending_restart: true } : {}),
    tags: tagsOf(record, id, context),
    ...(isLeader ? {} : lagRow(cluster, member)),
  };
}

function replicaWord(record: ClusterRecord, id: string): string {
  const kind = kindOf(record, id);
  return kind === "async" ? "replica" : `${kind}_standby`;
}

function lagRow(cluster: ClusterRuntime, { server }: MemberRuntime): object {
  const { apply, write } = lagOf(cluster, server);
  if (server.kind !== "running") return { lag: "unknown", receive_lag: "unknown", replay_lag: "unknown" };
  return {
    lag: apply ?? "unknown",
    receive_lsn: formatLsn(server.flushed),
    receive_lag: write ?? "unknown",
    replay_lsn: formatLsn(server.replayed),
    replay_lag: apply ?? "unknown",
  };
}

/** Of a timeline that was left: its number, where, why, and when and for whom, where that is still known. */
type HistoryRow = readonly [number, number, string, ...([] | readonly [at: string, holder: string])];

/** Where each timeline was left, in numbers; the one that goes on has no line yet. */
export function historyBody(
  { timelines }: ClusterRecord,
  { turnOf }: Pick<HealthContext, "turnOf">,
): readonly HistoryRow[] {
  return timelines.value.flatMap(({ parent, forkedAt, epoch }): readonly HistoryRow[] => {
    if (parent === null) return [];
    const turn = turnOf(epoch);
    const row = [parent, Number(forkedAt), `epoch ${epoch} began here`] as const;
    return [turn === undefined ? row : [...row, turn.at, turn.holder]];
  });
}

/** Settings with a dot in their names belong to extensions and applications, and may be secrets. */
export function configBody({ spec, rule }: ClusterRecord): object {
  const { settings, durability, failoverLagBytesMax } = spec.value;
  const parameters = Object.entries(settings).filter(([name]) => !name.includes("."));
  return {
    ttl: defaultTimings.promiseMs / 1000,
    loop_wait: defaultTimings.tickMs / 1000,
    maximum_lag_on_failover: failoverLagBytesMax,
    synchronous_mode: durability === "async" ? false : "quorum",
    synchronous_mode_strict: durability === "strict",
    synchronous_node_count: rule.value.rule.acks,
    postgresql: { use_slots: true, use_pg_rewind: true, parameters: Object.fromEntries(parameters) },
  };
}

function isPaused({ pause }: ClusterRecord, { wallNow }: HealthContext): boolean {
  return pause !== undefined && pause.value.until > wallNow;
}
