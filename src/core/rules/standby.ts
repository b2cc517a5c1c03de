/** A member that does not hold the epoch: it has a directory that can follow, a server that runs, a stream that flows (P9). */
import type { MemberId } from "../../domain/cluster.ts";
import { isVoter, serverOf } from "../candidates.ts";
import { parseVoterName } from "../../domain/rule.ts";
import type { Decision, Rule } from "../decision.ts";
import type { Reason } from "../reason.ts";
import { leastAcks } from "../rule-change.ts";
import {
  copySource,
  hasProcess,
  holdsEpoch,
  isWell,
  mustBeKept,
  ownRecord,
  recordsOnTheWay,
  ruleForServer,
} from "../standing.ts";
import { rebuildTxn } from "../transactions.ts";
import type { View } from "../view.ts";

/** Starts that fail so often in a row mean that the directory is of no use. */
const failuresMax = 3;
/** Somebody has to make room first. */
const roomLookMs = 5000;

/** Not the holder, or one that gave its time back: then it is a standby like the others. */
export function isStandby(view: View): boolean {
  return !holdsEpoch(view) || view.cluster.reign.value.phase === "released";
}

/** It cannot follow with the directory that it has: rewind, else copy anew, from a primary that serves (I9). */
export const rebuild: Rule = (view) => {
  if (!isStandby(view)) return undefined;
  const because = reasonToRebuild(view);
  if (!because) return undefined;
  // A copy that was merely asked for waits until nobody counts on this voter; so long it follows and votes as ever.
  if (because.code === "reclone-wished" && isVoter(view.cluster, view.self) && mayBeLetGo(view)) return undefined;
  const source = copySource(view);
  if (!source) return whileNoSource(view, because);
  if (hasProcess(view.server)) return { actions: [{ kind: "fence" }], because };
  const keeps = mustBeKept(view);
  if (keeps && view.memory.noRoom) {
    const recheckAt = view.memory.noRoom.at + roomLookMs;
    const { message } = view.memory.noRoom;
    if (view.now < recheckAt) return { actions: [], because: { code: "no-room-to-keep", message }, recheckAt };
  }
  const record = rebuildTxn(view);
  if (!keeps && canRewind(view, because))
    return { actions: [{ kind: "rewind", source, record }], because: { code: "rewinding", source, why: because } };
  return { actions: [{ kind: "clone", source, record, keeps }], because: { code: "cloning", source, why: because } };
};

/** Durability strict keeps its last voters: a copy that was asked for of one of them lets the writes wait. */
function mayBeLetGo({ cluster }: View): boolean {
  return cluster.rule.value.rule.voters.length > leastAcks(cluster);
}

function reasonToRebuild(view: View): Reason | undefined {
  const { server, memory } = view;
  const own = ownRecord(view);
  if (server.kind === "absent") return { code: "no-directory" };
  if (memory.rebuild && memory.rebuild.incarnation === own?.incarnation) return memory.rebuild.because;
  if (server.kind === "stopped" && server.damaged) return { code: "directory-damaged" };
  // Without room a copy would fail too, and take what little there is.
  if (
    server.kind === "stopped" &&
    server.failures >= failuresMax &&
    !server.noRoom &&
    view.cluster.reign.value.holder !== view.self
  )
    return { code: "start-keeps-failing", failures: server.failures };
  return own?.wish === "reclone" ? { code: "reclone-wished" } : undefined;
}

/** Without a source a server that runs goes on running (it may have a vote to give), one that is gone waits. */
function whileNoSource(view: View, because: Reason): Decision | undefined {
  if (view.server.kind === "running") return undefined;
  if (view.server.kind === "stopped" && !view.server.damaged) return undefined;
  return {
    actions: [],
    because: because.code === "no-directory" ? { code: "no-source" } : because,
    recheckAt: view.now + view.timings.tickMs,
  };
}

/** Rewind mends a diverged log; everything else wants a copy, as does a source whose barrier has not passed (I9). */
function canRewind(view: View, because: Reason): boolean {
  return (
    because.code === "diverged" &&
    view.cluster.reign.value.phase === "open" &&
    view.cluster.spec.value.engine === "system" &&
    view.memory.rebuild?.rewindFailed !== true
  );
}

/** A stopped server starts as a standby of the holder; of nobody, while its vote against the holder stands (P4). */
export const startStandby: Rule = (view) => {
  const { server, now } = view;
  if (!isStandby(view) || server.kind !== "stopped") return undefined;
  const upstream = upstreamWanted(view);
  const startAt = server.since + (server.failures <= 1 ? 0 : Math.min(30_000, 500 * 2 ** server.failures));
  const because: Reason = server.noRoom ? { code: "disk-full" } : { code: "starting-standby", upstream };
  if (now < startAt) return { actions: [], because, recheckAt: startAt };
  const { epoch } = view.cluster.reign.value;
  return { actions: [{ kind: "start", as: "standby", epoch, rule: ruleForServer(view), upstream }], because };
};

/** Whom to stream from: the holder, unless this member has voted to replace it, or it gave its time back. */
export function upstreamWanted(view: View): MemberId | null {
  const { holder, epoch, phase } = view.cluster.reign.value;
  if (holder === view.self || phase === "released" || hasVoted(view)) return null;
  if (recordsOnTheWay(view).some((record) => record.votes)) return null;
  if (epoch === 0) return null;
  const wished = ownRecord(view)?.upstream;
  return wished !== undefined && servesStream(view, wished) ? wished : holder;
}

/** It streams itself, and has the log that is wanted: else its replica follows the primary, until it does again. */
function servesStream(view: View, member: MemberId): boolean {
  const { server, now, timings } = view;
  const upstream = serverOf(view, member);
  const heardAt = view.peers[member]?.heardAt ?? -Infinity;
  if (upstream?.kind !== "running" || now - heardAt >= timings.voterLostMs) return false;
  if (!view.cluster.spec.value.members.includes(member)) return false;
  if (server.kind === "running" && server.upstream === member && server.walMissing) return false;
  // Between two primaries it does not stream for a moment, and neither would this one.
  const since = upstream.streaming ? now : (upstream.notStreamingSince ?? -Infinity);
  return upstream.role === "standby" && now - since < timings.stuckMs;
}

/** Its vote for the next epoch stands. */
export function hasVoted(view: View): boolean {
  const vote = view.cluster.votes[view.self]?.value;
  return (
    vote !== undefined &&
    vote.epoch > view.cluster.reign.value.epoch &&
    vote.voter.incarnation === ownRecord(view)?.incarnation
  );
}

/** A start that takes too long, or a server that answers nothing, is ended and begun again. */
export const endFrozenStandby: Rule = (view) => {
  const { server, now, timings } = view;
  if (!isStandby(view)) return undefined;
  if (server.kind === "unresponsive") {
    const forMs = now - server.since;
    const fence = forMs >= timings.unresponsiveMs;
    return {
      actions: fence ? [{ kind: "fence" }] : [],
      because: { code: "standby-frozen", forMs },
      recheckAt: server.since + timings.unresponsiveMs,
    };
  }
  if (server.kind !== "starting") return undefined;
  const forMs = now - server.since;
  if (forMs > timings.startMs || server.isHopeless)
    return { actions: [{ kind: "fence" }], because: { code: "start-too-slow", forMs } };
  return { actions: [], because: { code: "waiting-for-start", forMs }, recheckAt: server.since + timings.startMs };
};

/** A running standby streams from the holder; one that has long failed to, starts again. */
export const followHolder: Rule = (view) => {
  const { server, cluster, now, timings } = view;
  if (!isStandby(view) || server.kind !== "running" || server.role !== "standby") return undefined;
  const upstream = upstreamWanted(view);
  if (upstream === null) return undefined;
  if (server.upstream !== upstream)
    return { actions: [{ kind: "follow", upstream }], because: { code: "re-pointing", upstream } };
  if (server.streaming && streamsUnderOldName(view, upstream) && now - server.since >= timings.stuckMs)
    return {
      actions: [{ kind: "stop", withinMs: timings.stopMs, then: "fence" }],
      because: { code: "old-stream-name" },
    };
  if (server.streaming || server.notStreamingSince === undefined) return undefined;
  const since = Math.max(server.notStreamingSince, server.since);
  const forMs = now - since;
  if (cluster.reign.value.phase !== "open" || !isWell(view, upstream))
    return { actions: [], because: { code: "waits-for-primary", holder: upstream } };
  if (forMs < timings.stuckMs)
    return { actions: [], because: { code: "not-streaming", forMs }, recheckAt: since + timings.stuckMs };
  return {
    actions: [{ kind: "stop", withinMs: timings.stopMs, then: "fence" }],
    because: { code: "not-streaming", forMs },
  };
};

/** A new incarnation was recorded while the server came up under the one before: as that it never becomes a voter. */
function streamsUnderOldName(view: View, upstream: MemberId): boolean {
  const primary = serverOf(view, upstream);
  const rows = primary?.kind === "running" ? primary.standbys.map((row) => parseVoterName(row.name)) : [];
  const own = rows.filter((voter) => voter?.member === view.self);
  return own.length > 0 && own.every((voter) => voter?.incarnation !== ownRecord(view)?.incarnation);
}

/** Nothing to do: it follows. */
export const rest: Rule = (view) => {
  const { server, cluster } = view;
  if (server.kind !== "running" || server.role !== "standby") return undefined;
  const { holder } = cluster.reign.value;
  const upstream = server.upstream ?? holder;
  const primary = serverOf(view, holder);
  const end = primary?.kind === "running" ? primary.flushed : undefined;
  const lagBytes = end === undefined ? undefined : Number(end > server.flushed ? end - server.flushed : 0n);
  return { actions: [], because: { code: "following", upstream, lagBytes } };
};
