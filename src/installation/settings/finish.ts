/**
 * Restarts that finish a change of settings that was left pending, or that come upon one: judged as those of `config set
 * --restart` are, so that what a server does not start with is taken back. Called by restart.ts, which has refused what
 * cannot be. An operation that the next agent goes on with.
 */
import type { Asked } from "../../contract/installation.ts";
import type { OperationRecord } from "../../events/event.ts";
import { begin, follow } from "../changes.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { awaitRestartEnd, bringInForce, restartJudged, wantedOf } from "./apply.ts";
import { nextTurn, type Turn } from "./restart.ts";
import { askMembers } from "./running.ts";

/** Of operations: the next agent must know what was asked for. */
export const finishingKind = "restart with pending settings";
export const changedKind = "restart with changed settings";

/** Every member that waits, in the order that the settings need. */
export function finishPending(parts: Parts, name: string, asked: Asked): OperationRecord {
  const operation = begin(parts, finishingKind, name, asked, "looking who waits for a restart");
  return follow(parts, operation, () => bringInForce(parts, operation, true));
}

/** All members, or one that somebody named, while a change is not known to be in force on all. */
export function restartChanged(parts: Parts, name: string, turn: Turn, asked: Asked): OperationRecord {
  const operation = begin(parts, changedKind, name, asked, `restarting ${turn.pending.join(", ")}`);
  return follow(parts, operation, async () => {
    const isOfAll = turn.pending.length === clusterOf(parts, name).members.size;
    await restartJudged(parts, operation, isOfAll ? await inTheirOrder(parts, name, turn) : turn);
    return bringInForce(parts, operation, isOfAll);
  });
}

/** A standby would come back with as much as its primary has: what is lowered is lowered there first. */
async function inTheirOrder(parts: Parts, name: string, turn: Turn): Promise<Turn> {
  const cluster = clusterOf(parts, name);
  const { asked } = await askMembers(parts, cluster);
  const { primaryFirst, pending } = nextTurn(cluster, asked, wantedOf(parts, name));
  return primaryFirst && pending.length === turn.pending.length ? { ...turn, pending, primaryFirst } : turn;
}

/** The way on after an agent that ended in the middle. */
export function resumeRestart(parts: Parts, operation: OperationRecord): OperationRecord {
  const { cluster: name, kind } = operation;
  return follow(parts, operation, async () => {
    await awaitRestartEnd(parts, name);
    if (kind === finishingKind) return bringInForce(parts, operation, true);
    await restartJudged(parts, operation, { pending: [], primaryFirst: false });
    return bringInForce(parts, operation, false);
  });
}

/** There is something to go back to. */
export function isChanging(parts: Parts, name: string): boolean {
  return clusterOf(parts, name).record.spec.value.change?.before !== undefined;
}
