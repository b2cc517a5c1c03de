/** `patroni_*`: what Patroni's own `/metrics` says, for dashboards and rules made for it. Called by member.ts. Pure. */
import type { ClusterRuntime, MemberRuntime } from "../../agent/runtime.ts";
import { version } from "../../config/version.ts";
import { versionNumber } from "../health/bodies.ts";
import { isHolder, kindOf, stateWord } from "../health/words.ts";
import type { Exposition } from "./exposition.ts";

/** Patroni's numbers for the states of a server that there can be here. */
const states: Readonly<Record<string, number>> = {
  "creating replica": 4,
  "running": 5,
  "starting": 6,
  "stopping": 11,
  "stopped": 12,
  "crashed": 14,
};

export function reportPatroni(
  to: Exposition,
  { record, name: scope, storeReachable }: ClusterRuntime,
  member: MemberRuntime,
  at: { readonly wallNow: number; readonly storeSeenAt: number },
): void {
  const { server, id: name } = member;
  const running = server.kind === "running" ? server : undefined;
  const state = stateWord(member);
  const isReplica = running?.role === "standby";
  const kind = kindOf(record, name);
  const gauge = (what: string, help: string, value: number | boolean): void =>
    to.gauge(`patroni_${what}`, help, value, { scope, name });
  const counter = (what: string, help: string, value: bigint | undefined): void =>
    to.counter(`patroni_${what}`, help, Number(value ?? 0n), { scope, name });
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map((part) => Number(part) || 0);
  gauge("version", "Version without periods", major * 10_000 + minor * 100 + patch);
  gauge("postgres_running", "1 if Postgres runs", state === "running");
  gauge("postmaster_start_time", "When Postgres started", (running?.startedAt ?? 0) / 1000);
  gauge("primary", "1 for the leader", isHolder(record, member) && running?.role === "primary");
  gauge("master", "The same, under its name before Patroni 4", isHolder(record, member) && running?.role === "primary");
  gauge("standby_leader", "There is no standby cluster here", 0);
  gauge("replica", "1 for a replica", isReplica);
  gauge("sync_standby", "1 for a standby that every commit waits for", isReplica && kind === "sync");
  gauge("quorum_standby", "1 for a standby of those that a commit waits for some of", isReplica && kind === "quorum");
  counter("xlog_location", "End of the log, 0 for a replica", isReplica ? 0n : running?.flushed);
  counter("xlog_received_location", "Received log, 0 for the leader", isReplica ? running.flushed : 0n);
  counter("xlog_replayed_location", "Replayed log, 0 for the leader", isReplica ? running.replayed : 0n);
  gauge("xlog_replayed_timestamp", "Time of the last commit that was replayed", (running?.replayedAt ?? 0) / 1000);
  gauge("xlog_paused", "1 while replay is paused", running?.settingsTooLow === true);
  gauge("postgres_server_version", "Version of Postgres", versionNumber(running?.version));
  gauge("postgres_streaming", "1 while it streams", running?.streaming === true);
  gauge("postgres_in_archive_recovery", "1 while it replays from an archive", isReplica && !running.streaming);
  gauge("postgres_timeline", "Timeline", running?.timeline ?? 0);
  gauge("postgres_state", "State of Postgres as a number", states[state] ?? 14);
  gauge("cluster_unlocked", "1 while nobody is the leader", record.reign.value.phase !== "open");
  gauge("failsafe_mode_is_active", "1 while a leader goes on without the store", !storeReachable);
  gauge("dcs_last_seen", "When the store was heard last", at.storeSeenAt / 1000);
  gauge("pending_restart", "1 while settings wait for a restart", running?.pendingRestart === true);
  gauge("is_paused", "1 while automation is paused", (record.pause?.value.until ?? 0) > at.wallNow);
}
