/**
 * Restarts of members, one at a time: what is refused before anything stops, who has a turn and in which order, how far
 * it is. Called for `restart`, for a newer minor version (upgrade/), and by whoever changes settings that need a restart.
 * The turns themselves are the core's (core/rules/restart.ts).
 */
import type { ClusterRuntime } from "../agent/runtime.ts";
import type { Asked } from "../contract/installation.ts";
import type { MemberId, RestartIntent } from "../domain/cluster.ts";
import { OpError } from "../errors/op-error.ts";
import type { OperationRecord } from "../events/event.ts";
import { awake } from "./awake.ts";
import { begin, intend, intentBase, refuseUnfit } from "./changes.ts";
import { memberOf, type Parts } from "./parts.ts";
import { restartProblems } from "./restart-problems.ts";
import { finishPending, isChanging, restartChanged } from "./settings/finish.ts";
import { servingPrimary } from "./status.ts";
import { stepOf } from "./turns.ts";
import { askMembers } from "./settings/running.ts";

export interface RestartOptions {
  /** only this one */
  readonly member?: string;
  /** only those with settings that wait for a restart */
  readonly pending?: boolean;
  /** the primary stays where it is */
  readonly inPlace?: boolean;
}

export async function restartCluster(
  parts: Parts,
  name: string,
  options: RestartOptions,
  asked: Asked,
): Promise<OperationRecord> {
  const cluster = await awake(parts, name, asked);
  if (options.member !== undefined) memberOf(cluster, options.member);
  const members = await membersFor(parts, cluster, options);
  if (members.length === 0) return nothingToDo(parts, name, asked);
  if (isChanging(parts, name)) return restartWithChange(parts, cluster, members, options, asked);
  return restartMembers(parts, name, { members, ...(options.inPlace ? { inPlace: true } : {}) }, asked);
}

/** @throws OpError not-healthy, no-primary, cluster-stopped, busy: before anything was stopped */
function restartWithChange(
  parts: Parts,
  cluster: ClusterRuntime,
  members: readonly MemberId[],
  { member, pending: isFinishing, inPlace = false }: RestartOptions,
  asked: Asked,
): OperationRecord {
  const pending = inOrder(cluster, members);
  refuseRestart(parts, cluster, pending, inPlace);
  if (isFinishing && !inPlace && member === undefined) return finishPending(parts, cluster.name, asked);
  const turn = { pending, primaryFirst: false, ...(inPlace ? { inPlace } : {}) };
  return restartChanged(parts, cluster.name, turn, asked);
}

async function membersFor(
  parts: Parts,
  cluster: ClusterRuntime,
  { member, pending }: RestartOptions,
): Promise<readonly MemberId[]> {
  const wanted = member === undefined ? cluster.record.spec.value.members : [member];
  if (!pending) return wanted;
  // Of the servers themselves: what was seen last may be from before the change of a moment ago.
  const { asked } = await askMembers(parts, cluster);
  const waiting = asked.filter(({ settings }) => [...settings.values()].some((setting) => setting.pending_restart));
  return wanted.filter((id) => waiting.some((one) => one.member === id));
}

function nothingToDo(parts: Parts, name: string, asked: Asked): OperationRecord {
  const operation = begin(parts, "restart", name, asked, "looking who waits for a restart");
  const message = "no member has a setting that waits for a restart";
  parts.operations.finish(operation.id, { state: "done", step: message, result: { message } });
  return parts.operations.get(operation.id);
}

export interface RestartWish extends Pick<RestartIntent, "purpose" | "inPlace"> {
  readonly members: readonly MemberId[];
}

/** @throws OpError not-healthy, no-primary, cluster-stopped, busy: before anything was stopped */
export async function restartMembers(
  parts: Parts,
  name: string,
  { members, ...wish }: RestartWish,
  asked: Asked,
): Promise<OperationRecord> {
  const cluster = await awake(parts, name, asked);
  const pending = inOrder(cluster, members);
  refuseRestart(parts, cluster, pending, wish.inPlace === true);
  const operation = begin(parts, "restart", name, asked, stepOf(pending, 0, cluster), pending.length);
  parts.events.emit("restart.started", { cluster: name, actor: asked.by }, { members: pending });
  return intend(parts, operation, { kind: "restart", pending, ...wish, ...intentBase(parts, operation) });
}

/** Standbys first. */
export function inOrder({ record }: ClusterRuntime, members: readonly MemberId[]): readonly MemberId[] {
  const { holder } = record.reign.value;
  return [...members.filter((id) => id !== holder), ...members.filter((id) => id === holder)];
}

function refuseRestart(parts: Parts, cluster: ClusterRuntime, pending: readonly MemberId[], inPlace: boolean): void {
  refuseUnfit(parts, cluster);
  parts.operations.refuseBusy(cluster.name);
  refuseWithoutPrimary(cluster);
  const problems = restartProblems(cluster, pending, inPlace);
  if (problems.length === 0) return;
  throw new OpError("not-healthy", {
    message: `cluster "${cluster.name}" is not well enough for a restart`,
    detail: `${problems.join("; ")}.`,
    hint: `Nothing was stopped. See what is wrong: matriarch explain ${cluster.name}`,
  });
}

/** It would wait for one, and keep everything else from being done. */
export function refuseWithoutPrimary(cluster: ClusterRuntime): void {
  if (servingPrimary(cluster)) return;
  throw new OpError("no-primary", {
    message: `cluster "${cluster.name}" has no primary now`,
    detail: "A restart goes on from member to member while one serves.",
    hint: `See why there is none: matriarch explain ${cluster.name}`,
  });
}
