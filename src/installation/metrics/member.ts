/** What this agent knows of a cluster and its members on this host, as figures of our own. Called by collect.ts. Pure. */
import type { ClusterRuntime, MemberRuntime } from "../../agent/runtime.ts";
import { isVoter } from "../../core/candidates.ts";
import { archiveStatusSchema, clusterStates, type ArchiveStatus, type ClusterStatus } from "../../contract/cluster.ts";
import type { VolumeStatus } from "../../contract/storage.ts";
import { lagOf, waitsForVoters } from "../health/words.ts";
import type { Exposition, Labels } from "./exposition.ts";

/** What is asked for now and then, and not at every scrape. */
export interface SlowFigures {
  readonly volume: VolumeStatus | undefined;
}

export interface ClusterFigures {
  readonly status: ClusterStatus;
  readonly pauses: {
    readonly count: number;
    readonly seconds: number;
    readonly longest: number;
    readonly lasting: number;
  };
}

export function reportCluster(to: Exposition, cluster: ClusterRuntime, { status, pauses }: ClusterFigures): void {
  const own = { cluster: cluster.name };
  const gauge = (name: string, help: string, value: number | boolean): void =>
    to.gauge(`matriarch_cluster_${name}`, help, value, own);
  for (const state of clusterStates)
    to.gauge("matriarch_cluster_state", "1 for the state that it is in", status.state === state, { ...own, state });
  gauge("epoch", "Rises with each new primary", status.epoch);
  gauge("has_primary", "1 while there is a primary that serves", status.primary !== null);
  gauge("members", "Members that it should have", cluster.record.spec.value.members.length);
  gauge("members_ready", "Members that serve or stream", status.members.filter(isReady).length);
  gauge("voters", "Standbys that commits may wait for", status.rule.voters.length);
  gauge("acks", "Standbys that a commit waits for; 0: it is on the primary alone", status.rule.acks);
  gauge("is_paused", "1 while automation is paused", status.paused_until !== null);
  gauge("store_reachable", "1 while the shared state can be reached", status.store.reachable);
  gauge("operation_running", "1 while an operation runs", status.operation !== null);
  if (status.archive) reportArchive(to, status.archive, own);
  if (status.proof) reportProof(to, status.proof, own);
  to.counter("matriarch_write_pauses_total", "Interruptions of writes, of 90 days", pauses.count, own);
  to.counter("matriarch_write_pause_seconds_total", "How long they were together", pauses.seconds, own);
  to.gauge("matriarch_write_pause_seconds_max", "The longest of them", pauses.longest, own);
  to.gauge("matriarch_write_pause_lasting_seconds", "How long writes have been interrupted now", pauses.lasting, own);
}

/** Whether it is known that it can be restored. */
function reportProof(to: Exposition, proof: NonNullable<ClusterStatus["proof"]>, own: Labels): void {
  const at = proof.passed_at === null ? undefined : Date.parse(proof.passed_at) / 1000;
  to.gauge("matriarch_proof_passed_timestamp_seconds", "When a test restore has passed last", at, own);
  to.gauge("matriarch_proof_failed", "1 when the last test restore failed", proof.problem !== null, own);
  to.gauge("matriarch_proof_is_overdue", "1 when none has passed for twice its time", proof.is_overdue, own);
}

const archiveStates = archiveStatusSchema.shape.state.options;

/** What could be restored, and what could not: changes of the last `lag_seconds` are only in the members' own log. */
function reportArchive(to: Exposition, archive: ArchiveStatus, own: Labels): void {
  for (const state of archiveStates)
    to.gauge("matriarch_archive_state", "1 for the state that it is in", archive.state === state, { ...own, state });
  to.gauge(
    "matriarch_archive_lag_seconds",
    "Age of the newest second that is in the archive",
    archive.archive_lag_seconds,
    own,
  );
  to.gauge(
    "matriarch_backup_archive_lag_seconds",
    "Age of the newest second that is in every repository",
    archive.repository_lag_seconds,
    own,
  );
  to.gauge("matriarch_archive_waiting_bytes", "Log that waits to be archived", archive.waiting_bytes, own);
  const { restorable } = archive;
  const spans = restorable.map(({ from, until }) => (Date.parse(until) - Date.parse(from)) / 1000);
  const total = spans.reduce((sum, span) => sum + span, 0);
  to.gauge("matriarch_archive_restorable_seconds", "How much time can be restored to", total, own);
}

function isReady({ state }: ClusterStatus["members"][number]): boolean {
  return state === "running" || state === "streaming";
}

export function reportMember(
  to: Exposition,
  cluster: ClusterRuntime,
  member: MemberRuntime,
  { now, wallNow, volume }: SlowFigures & { readonly now: number; readonly wallNow: number },
): void {
  const own = { cluster: cluster.name, member: member.id };
  const { server, view, limits } = member;
  const gauge = (name: string, help: string, value: number | boolean | null | undefined): void =>
    to.gauge(`matriarch_member_${name}`, help, value, own);
  const running = server.kind === "running" ? server : undefined;
  gauge("up", "1 while its server answers", running !== undefined);
  gauge("is_primary", "1 while it is the primary", running?.role === "primary");
  gauge("is_voter", "1 while commits may wait for it", isVoter(cluster.record, member.id));
  gauge(
    "is_streaming",
    "1 while it streams, or is the primary",
    running && (running.role === "primary" || running.streaming),
  );
  gauge(
    "writes_wait",
    "1 while its commits wait for voters that are not there",
    waitsForVoters(cluster.record, server),
  );
  const { apply, write } = lagOf(cluster, server);
  gauge("lag_bytes", "Log that it has not replayed", apply);
  gauge("receive_lag_bytes", "Log that it does not have", write);
  gauge(
    "lag_seconds",
    "Age of the last commit that it replayed; 0 when it has all",
    lagSeconds(running, apply, wallNow),
  );
  gauge("start_failures", "Starts that failed in a row", server.kind === "stopped" ? server.failures : 0);
  gauge("pending_restart", "1 while settings wait for a restart", running?.pendingRestart);
  gauge("memory_used_bytes", "Held by its processes", limits?.heldBytes);
  gauge("memory_limit_bytes", "That it is kept to", limits?.memoryBytes);
  gauge(
    "promises_held",
    "Voters' promises in force, of a primary",
    view?.lease.held.filter((one) => one.safeUntil > now).length,
  );
  gauge("promise_given", "1 while it has promised not to vote for another", (view?.lease.given?.until ?? 0) > now);
  if (volume) reportVolume(to, volume, own);
}

function lagSeconds(
  server: { readonly role: string; readonly replayedAt?: number } | undefined,
  apply: number | null,
  wallNow: number,
): number | undefined {
  if (server === undefined || apply === null) return undefined;
  if (server.role === "primary" || apply === 0 || server.replayedAt === undefined) return 0;
  return Math.max(0, (wallNow - server.replayedAt) / 1000);
}

const daySeconds = 86_400;

function reportVolume(to: Exposition, volume: VolumeStatus, own: Labels): void {
  const gauge = (name: string, help: string, value: number | null): void =>
    to.gauge(`matriarch_volume_${name}`, help, value, own);
  const { used_bytes: used, free_bytes: free, growth_bytes_per_day: growth } = volume;
  gauge("used_bytes", "Of its files", used);
  gauge("free_bytes", "What can still be written", free);
  gauge("size_bytes", "That it is held to", volume.size_bytes);
  gauge("wal_bytes", "Of them WAL", volume.wal_bytes);
  gauge("pool_free_bytes", "Free on its file system", volume.pool_free_bytes);
  gauge("growth_bytes_per_day", "How fast it grew within the last week", growth);
  gauge(
    "full_in_seconds",
    "When it is full if it goes on so",
    growth && growth > 0 ? (free / growth) * daySeconds : null,
  );
}
