/**
 * Why a member does what it does, or does nothing. Carried by every decision; `explain`, the log and the events speak
 * from here. One code, one sentence.
 */
import type { Intent, MemberId } from "../domain/cluster.ts";
import { formatRejection, type Rejection } from "./rejection.ts";

export type Reason =
  // stop wrong writes
  | { readonly code: "superseded"; readonly holder: MemberId; readonly epoch: number }
  | { readonly code: "time-given-back"; readonly epoch: number }
  | { readonly code: "lease-ended"; readonly endedMsAgo: number }
  | { readonly code: "wrong-timeline"; readonly timeline: number; readonly expected: number }
  | { readonly code: "server-frozen"; readonly forMs: number }
  | { readonly code: "log-device-stuck"; readonly forMs: number }
  // the operator's wishes
  | { readonly code: "paused"; readonly leftMs: number; readonly by: string }
  | { readonly code: "pause-over" }
  // told of a member by another host's agent, never decided
  | { readonly code: "host-silent"; readonly host: string }
  | { readonly code: "stopping-by-wish" }
  | { readonly code: "stopped-by-wish" }
  | { readonly code: "dozes"; readonly idleMs: number }
  | { readonly code: "falls-asleep"; readonly idleMs: number | undefined }
  | { readonly code: "asleep" }
  | { readonly code: "wakes" }
  | { readonly code: "waits-for-primary-to-stop"; readonly primary: MemberId }
  | { readonly code: "being-removed"; readonly step: "voter" | "stop" | "directory" | "record" }
  | { readonly code: "given-up-by-operator"; readonly by: string }
  // the primary
  | { readonly code: "server-died-others-elect"; readonly electors: readonly MemberId[] }
  | { readonly code: "directory-gone" }
  | { readonly code: "server-died-restart"; readonly missing: readonly MemberId[] }
  | { readonly code: "promoting"; readonly timeline: number }
  | { readonly code: "promotion-failed"; readonly message: string }
  | { readonly code: "starting-primary" }
  | { readonly code: "waiting-for-start"; readonly forMs: number }
  | { readonly code: "start-too-slow"; readonly forMs: number }
  | { readonly code: "rule-into-server" }
  | { readonly code: "barrier"; readonly waitingFor: readonly MemberId[]; readonly acks: number }
  | { readonly code: "waiting-for-promises"; readonly from: readonly MemberId[] }
  | { readonly code: "opening" }
  | { readonly code: "timeline-fork-known"; readonly timeline: number }
  | { readonly code: "voter-joins"; readonly member: MemberId }
  | { readonly code: "voter-leaves"; readonly member: MemberId; readonly isWanted: boolean }
  | { readonly code: "acks-change"; readonly from: number; readonly to: number }
  | { readonly code: "no-voter-left" }
  | { readonly code: "voters-must-flush"; readonly missing: readonly MemberId[] }
  | { readonly code: "slots" }
  | { readonly code: "configuring" }
  | { readonly code: "settings-too-low" }
  | { readonly code: "writes-wait"; readonly for: readonly MemberId[]; readonly durability: string }
  | { readonly code: "serving"; readonly standbys: number; readonly voters: number }
  // planned changes
  | { readonly code: "switchover-refused"; readonly rejections: readonly Rejection[] }
  | { readonly code: "switchover-checkpoint"; readonly to: MemberId }
  | { readonly code: "switchover-hold"; readonly to: MemberId }
  | { readonly code: "switchover-stop"; readonly to: MemberId }
  | { readonly code: "switchover-wait"; readonly to: MemberId; readonly bytesLeft: number | undefined }
  | { readonly code: "switchover-hand-over"; readonly to: MemberId }
  | { readonly code: "switchover-given-up"; readonly to: MemberId | null; readonly message: string }
  | { readonly code: "intent-done" }
  | { readonly code: "intent-overdue"; readonly kind: Intent["kind"]; readonly forMs: number }
  | { readonly code: "restart-turn"; readonly step: "version" | "stop" | "start" | "done" }
  | { readonly code: "restart-waits" }
  | { readonly code: "restart-stopped"; readonly message: string }
  | { readonly code: "put-back"; readonly version: string; readonly from: string }
  // standbys
  | { readonly code: "starting-standby"; readonly upstream: MemberId | null }
  | { readonly code: "standby-frozen"; readonly forMs: number }
  | { readonly code: "no-directory" }
  | { readonly code: "directory-damaged" }
  | { readonly code: "start-keeps-failing"; readonly failures: number }
  | { readonly code: "disk-full" }
  | { readonly code: "reclone-wished" }
  | { readonly code: "no-source" }
  | { readonly code: "no-room-to-keep"; readonly message: string }
  | { readonly code: "diverged"; readonly replayedPastForkBytes: number }
  | { readonly code: "rewinding"; readonly source: MemberId; readonly why: Reason }
  | { readonly code: "cloning"; readonly source: MemberId; readonly why: Reason }
  | { readonly code: "wal-missing"; readonly upstream: MemberId }
  | { readonly code: "not-streaming"; readonly forMs: number }
  | { readonly code: "old-stream-name" }
  | { readonly code: "following"; readonly upstream: MemberId; readonly lagBytes: number | undefined }
  | { readonly code: "re-pointing"; readonly upstream: MemberId }
  | { readonly code: "holder-heard-again"; readonly holder: MemberId }
  // election
  | { readonly code: "promised"; readonly holder: MemberId; readonly freeInMs: number }
  | { readonly code: "just-started"; readonly freeInMs: number }
  | { readonly code: "stops-listening"; readonly epoch: number }
  | { readonly code: "votes"; readonly epoch: number }
  | {
      readonly code: "votes-missing";
      readonly from: readonly MemberId[];
      readonly needed: number;
      readonly have: number;
    }
  | { readonly code: "behind"; readonly better: MemberId; readonly bytes: number }
  | { readonly code: "not-eligible"; readonly rejection: Rejection }
  | { readonly code: "leaves-turn"; readonly to: MemberId; readonly inMs: number }
  | { readonly code: "wins-election"; readonly epoch: number; readonly votes: readonly MemberId[] }
  | { readonly code: "forced-by-operator"; readonly by: string; readonly missing: readonly MemberId[] }
  | { readonly code: "waits-for-primary"; readonly holder: MemberId }
  // the store
  | { readonly code: "settling"; readonly unsure: number }
  | { readonly code: "under-way"; readonly action: string; readonly forMs: number };

export type ReasonCode = Reason["code"];

/** One sentence for a person, without a full stop. */
export function formatReason(reason: Reason): string {
  switch (reason.code) {
    case "superseded":
      return `"${reason.holder}" holds epoch ${reason.epoch}, so this server must take no more writes`;
    case "time-given-back":
      return `its time as primary was given back in epoch ${reason.epoch}`;
    case "lease-ended":
      return `too few voters renewed their promise; its time as primary ended ${seconds(reason.endedMsAgo)} ago`;
    case "wrong-timeline":
      return `the server came up on timeline ${reason.timeline}, not on ${reason.expected} that was reserved for it`;
    case "server-frozen":
      return `the primary's server has answered nothing for ${seconds(reason.forMs)}`;
    case "log-device-stuck":
      return `the primary's log has not reached its disk for ${seconds(reason.forMs)}`;
    case "paused":
      return `automation is paused by ${reason.by} for another ${seconds(reason.leftMs)}`;
    case "pause-over":
      return "the pause is over";
    case "stopping-by-wish":
      return "the cluster is being stopped, as asked";
    case "stopped-by-wish":
      return "the cluster is stopped, as asked";
    case "dozes":
      return `no client has been there for ${seconds(reason.idleMs)}; it falls asleep when every endpoint agrees`;
    case "falls-asleep":
      return reason.idleMs === undefined
        ? "the cluster falls asleep: its server stops until a client comes"
        : `no client has been there for ${seconds(reason.idleMs)}; it falls asleep`;
    case "asleep":
      return "the cluster is asleep; the next client wakes it";
    case "wakes":
      return "somebody needs the cluster; it does not fall asleep";
    case "waits-for-primary-to-stop":
      return `it stops after the primary "${reason.primary}", so that it has every write`;
    case "being-removed":
      return `the member is being removed (${reason.step})`;
    case "given-up-by-operator":
      return `${reason.by} asked for a failover away from this primary`;
    case "server-died-others-elect":
      return `the primary's server ended; ${names(reason.electors)} can take over at once`;
    case "directory-gone":
      return "the primary's data directory is gone or damaged";
    case "server-died-restart":
      return reason.missing.length === 0
        ? "the primary's server ended; there is nobody to take over, so it starts again in place"
        : `the primary's server ended and ${names(reason.missing)} cannot vote now, so it starts again in place`;
    case "promoting":
      return `it won the election and is being promoted on timeline ${reason.timeline}`;
    case "promotion-failed":
      return `the promotion failed (${reason.message}), so it gives the epoch back`;
    case "starting-primary":
      return "it still holds the epoch and starts as the primary";
    case "waiting-for-start":
      return `the server is starting, for ${seconds(reason.forMs)} so far`;
    case "start-too-slow":
      return `the server did not come up within ${seconds(reason.forMs)}`;
    case "rule-into-server":
      return "the server is told which standbys must acknowledge a commit";
    case "barrier":
      return `a first commit waits for ${reason.acks} of ${names(reason.waitingFor)} before clients are let in`;
    case "waiting-for-promises":
      return `promises of ${names(reason.from)} are wanted before clients are let in`;
    case "host-silent":
      return `host "${reason.host}" does not answer; what it does is not known`;
    case "opening":
      return "the barrier has passed; clients are let in";
    case "timeline-fork-known":
      return `the exact fork of timeline ${reason.timeline} is recorded`;
    case "voter-joins":
      return `"${reason.member}" has caught up and becomes a voter`;
    case "voter-leaves":
      return `"${reason.member}" ${reason.isWanted ? "is lost and" : "is not to vote any more and"} no longer counts as a voter`;
    case "acks-change":
      return `commits will wait for ${reason.to} standbys instead of ${reason.from}`;
    case "no-voter-left":
      return "no standby is left to acknowledge commits; the primary goes on alone";
    case "voters-must-flush":
      return `${names(reason.missing)} must flush what the old rule could have acknowledged`;
    case "slots":
      return "replication slots are brought in line with the members";
    case "configuring":
      return "changed settings are written and read";
    case "settings-too-low":
      return "its primary has more of a setting that binds standbys; with its next start it has as much";
    case "writes-wait":
      return `writes wait for ${names(reason.for)} (durability ${reason.durability})`;
    case "serving":
      return `it is the primary; ${count(reason.standbys, "standby", "standbys")} streaming, ${count(reason.voters, "voter", "voters")}`;
    case "switchover-refused":
      return `no member can take over: ${reason.rejections.map(formatRejection).join("; ")}`;
    case "switchover-checkpoint":
      return `a checkpoint first, so that the stop before the switchover to "${reason.to}" is short`;
    case "switchover-hold":
      return `clients wait while the primary moves to "${reason.to}"`;
    case "switchover-stop":
      return `the primary stops in order, so that "${reason.to}" has every write`;
    case "switchover-wait":
      return reason.bytesLeft === undefined
        ? `"${reason.to}" must confirm that it has the end of the log`
        : `"${reason.to}" still lacks ${reason.bytesLeft} bytes of the log`;
    case "switchover-hand-over":
      return `the epoch is handed to "${reason.to}"`;
    case "switchover-given-up":
      return `the switchover was given up: ${reason.message}`;
    case "intent-done":
      return "what was asked for is done";
    case "intent-overdue":
      return `nobody carried the ${reason.kind} out in ${seconds(reason.forMs)}: it is given up`;
    case "restart-turn":
      return `its turn in the rolling restart (${reason.step})`;
    case "restart-waits":
      return "the primary's turn comes once a standby can take over";
    case "restart-stopped":
      return `the rolling restart was stopped: ${reason.message}`;
    case "put-back":
      return `it does not run on Postgres ${reason.version} and is put back on ${reason.from}`;
    case "starting-standby":
      return reason.upstream === null
        ? "it starts as a standby of nobody"
        : `it starts as a standby of "${reason.upstream}"`;
    case "standby-frozen":
      return `the standby's server has answered nothing for ${seconds(reason.forMs)}`;
    case "no-directory":
      return "it has no data directory";
    case "directory-damaged":
      return "its data directory is damaged";
    case "start-keeps-failing":
      return `its server ended ${reason.failures} times right after the start`;
    case "disk-full":
      return "its disk is full; it starts again when there is room";
    case "reclone-wished":
      return "a new copy was asked for";
    case "no-source":
      return "it needs a new copy, and there is no healthy member to copy from yet";
    case "no-room-to-keep":
      return `what it has may be nowhere else, and ${reason.message}: make room, or delete older snapshots`;
    case "diverged":
      return `it holds ${reason.replayedPastForkBytes} bytes of log that the primary never had`;
    case "rewinding":
      return `it is rewound to follow "${reason.source}": ${formatReason(reason.why)}`;
    case "cloning":
      return `it is copied anew from "${reason.source}": ${formatReason(reason.why)}`;
    case "wal-missing":
      return `"${reason.upstream}" no longer has the log that it needs`;
    case "not-streaming":
      return `it has not been streaming for ${seconds(reason.forMs)}`;
    case "old-stream-name":
      return "it streams under the name of an earlier copy of its directory, and starts again under its own";
    case "following":
      return reason.lagBytes === undefined
        ? `it follows "${reason.upstream}"`
        : `it follows "${reason.upstream}", ${reason.lagBytes} bytes behind`;
    case "re-pointing":
      return `it is told to stream from "${reason.upstream}"`;
    case "holder-heard-again":
      return `"${reason.holder}" is there after all; the vote is withdrawn`;
    case "promised":
      return `it promised "${reason.holder}" not to vote for another ${seconds(reason.freeInMs)}`;
    case "just-started":
      return `its agent has just started; it may vote in ${seconds(reason.freeInMs)}`;
    case "stops-listening":
      return `the primary is gone; it stops listening to it before it votes for epoch ${reason.epoch}`;
    case "votes":
      return `it votes for epoch ${reason.epoch}`;
    case "votes-missing":
      return `an election needs ${reason.needed} votes and has ${reason.have}; missing: ${names(reason.from)}`;
    case "behind":
      return `"${reason.better}" has ${reason.bytes} bytes more of the log and goes first`;
    case "not-eligible":
      return formatRejection(reason.rejection);
    case "leaves-turn":
      return `"${reason.to}" goes first; its own turn comes in ${seconds(reason.inMs)}`;
    case "wins-election":
      return `it takes epoch ${reason.epoch} with the votes of ${names(reason.votes)}`;
    case "forced-by-operator":
      return `${reason.by} forced the failover although ${names(reason.missing)} may hold acknowledged writes`;
    case "waits-for-primary":
      return `it waits for "${reason.holder}" to serve`;
    case "settling":
      return reason.unsure === 0
        ? "its agent has just started, and makes sure that nothing it wrote before can still arrive"
        : "the store did not say whether a record was written; it makes sure before it goes on";
    case "under-way":
      return `${reason.action} is under way for ${seconds(reason.forMs)}`;
  }
}

function names(members: readonly string[]): string {
  return members.length === 0 ? "nobody" : members.map((member) => `"${member}"`).join(", ");
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
