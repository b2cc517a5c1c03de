/** What a member's loop remembers, as pure steps: after each look, and after each action. */
import { parseVoterName } from "../domain/rule.ts";
import { mayHoldLost } from "../domain/timeline.ts";
import { copySource, divergedBytes, holderLeaves, restartsPending } from "./standing.ts";
import type { ClusterRecord } from "../domain/cluster.ts";
import type { Action, ActionResult, RecordAction } from "./action.ts";
import { tally } from "./candidates.ts";
import { rememberSleep } from "./rules/sleep.ts";
import { isSettling } from "./rules/settling.ts";
import type { Decision } from "./decision.ts";
import type { AskedRecord, IntentProgress, Memory, View } from "./view.ts";

/** Failed reigns are forgotten after this; until then they make the member stand back (I6). */
const failedReignKeptMs = 600_000;

/** Brings memory up to date with what is seen. Called before every decision. */
export function remember(view: View): Memory {
  const { memory, now, cluster } = view;
  return {
    ...memory,
    electableSince: tally(cluster).suffices ? (memory.electableSince ?? now) : undefined,
    failedReigns: memory.failedReigns.filter((reign) => now - reign.at < failedReignKeptMs),
    silentSince: silentStandbys(view),
    asked: view.busy.some((action) => action.kind === "record") ? memory.asked : undefined,
    laxer: memory.laxer?.epoch === cluster.reign.value.epoch ? memory.laxer : undefined,
    rebuild: rebuildDue(view),
    intent: intentProgress(view),
    ...rememberSleep(view),
  };
}

/** A running standby shows whether it can follow; once stopped it no longer does, so it is remembered. */
function rebuildDue(view: View): Memory["rebuild"] {
  const { server, cluster, memory, self, now, timings } = view;
  const incarnation = cluster.members[self]?.value.incarnation;
  if (incarnation === undefined || (memory.rebuild && memory.rebuild.incarnation === incarnation))
    return memory.rebuild;
  if (server.kind !== "running" || server.role !== "standby" || copySource(view) === undefined) return undefined;
  const past = divergedBytes(view, server);
  const position = { timeline: server.timeline, lsn: server.replayed };
  const keeps = mayHoldLost(cluster.timelines.value, position, cluster.reign.value.timeline);
  if (past > 0)
    return { incarnation, because: { code: "diverged", replayedPastForkBytes: past }, rewindFailed: false, keeps };
  const upstream = cluster.reign.value.holder;
  const since = server.notStreamingSince;
  const stuckForMs = since === undefined ? 0 : now - since;
  if (server.walMissing && server.upstream === upstream && stuckForMs > timings.heartbeatMs)
    return { incarnation, because: { code: "wal-missing", upstream }, rewindFailed: true, keeps };
  return undefined;
}

function silentStandbys(view: View): Memory["silentSince"] {
  const { server, memory, now, cluster, self } = view;
  if (server.kind !== "running" || server.role !== "primary") return {};
  const silent = Object.keys(cluster.members).filter(
    (member) =>
      member !== self &&
      !server.standbys.some((row) => row.state === "streaming" && parseVoterName(row.name)?.member === member),
  );
  return Object.fromEntries(silent.map((member) => [member, memory.silentSince[member] ?? now]));
}

function intentProgress(view: View): IntentProgress | undefined {
  const id =
    view.cluster.intent?.value.id ?? (holderLeaves(view) ? `leave-${view.cluster.reign.value.epoch}` : undefined);
  if (id === undefined) return undefined;
  const known = view.memory.intent;
  const pending = restartsPending(view).length;
  if (known?.id === id) return known.pending === pending ? known : { ...known, pending, startedAt: view.now };
  return { id, startedAt: view.now, checkpointed: false, held: false, stoppedAt: undefined, pending };
}

/** What an ended action adds. The store's own changes are seen by reading it again. */
export function afterAction(memory: Memory, action: Action, result: ActionResult, now: number): Memory {
  switch (action.kind) {
    case "barrier":
      return result.outcome === "done"
        ? { ...memory, barrierPassed: { epoch: action.epoch, serverSince: action.serverSince } }
        : memory;
    case "set-rule":
      return result.outcome === "done" && result.lsn !== undefined
        ? { ...memory, laxer: { epoch: action.epoch, rule: action.rule, until: result.lsn } }
        : { ...memory, laxer: undefined };
    case "promote":
      if (result.outcome === "done" && result.lsn !== undefined)
        return { ...memory, fork: { timeline: action.timeline, at: result.lsn } };
      return result.outcome === "done"
        ? memory
        : { ...memory, failedReigns: [...memory.failedReigns, { epoch: action.epoch, at: now }] };
    case "rewind":
      return result.outcome === "done" || !memory.rebuild
        ? memory
        : { ...memory, rebuild: { ...memory.rebuild, rewindFailed: true } };
    case "clone":
      return { ...memory, noRoom: result.noRoom ? { at: now, message: result.message ?? "" } : undefined };
    case "checkpoint":
      return withIntent(memory, { checkpointed: true });
    case "hold-clients":
      return withIntent(memory, { held: true });
    case "stop":
      return result.outcome === "done" ? withIntent(memory, { stoppedAt: now }) : memory;
    case "record":
      return afterRecord(memory, action, result);
    default:
      return memory;
  }
}

function withIntent(memory: Memory, step: Partial<IntentProgress>): Memory {
  return memory.intent ? { ...memory, intent: { ...memory.intent, ...step } } : memory;
}

/** Called after every decision: a record that is about to leave counts from now on, not from when it has arrived. */
export function foresee(memory: Memory, decision: Decision, cluster: ClusterRecord): Memory {
  const record = decision.actions.find((action) => action.kind === "record");
  return record?.kind === "record" ? { ...memory, asked: whatItSays(record, cluster.reign.value.epoch) } : memory;
}

function whatItSays(action: RecordAction, epoch: number): AskedRecord {
  const rule = action.txn.write
    .map(({ key, value }) => (key === "rule" && value !== null && "rule" in value ? value.rule : undefined))
    .find((written) => written !== undefined);
  return { epoch, rule, opens: action.what === "open", votes: action.what === "vote" };
}

/** A primary that has been restarted in place lets its clients in again, while others have their turn. */
function withTurnOver(memory: Memory, action: RecordAction, result: ActionResult): Memory {
  return action.what === "intent" && result.outcome === "done" ? withIntent(memory, { held: false }) : memory;
}

/** A record with an unknown outcome counts until nothing can arrive any more. */
function afterRecord(memory: Memory, action: RecordAction, result: ActionResult): Memory {
  const laxer = action.what === "rule-laxer" && result.outcome === "done" ? undefined : memory.laxer;
  const after = { ...withTurnOver(memory, action, result), asked: undefined, laxer };
  if (result.outcome === "unknown" && memory.asked)
    return { ...after, unsure: [...memory.unsure, memory.asked], settled: false };
  return isSettling(action) && result.outcome === "done" ? { ...after, unsure: [], settled: true } : after;
}

/** How long a member stands back from elections after reigns that it could not serve: 0, then 2 s, 4 s … up to 60 s. */
export function standBackMs(memory: Memory, now: number): number {
  const count = memory.failedReigns.length;
  const last = memory.failedReigns.at(-1);
  if (!last || count === 0) return 0;
  const backMs = Math.min(60_000, 1000 * 2 ** count);
  return Math.max(0, last.at + backMs - now);
}
