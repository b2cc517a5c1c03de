/**
 * What users ask of a running cluster. Each refuses what cannot be, then writes a wish to the store; the members'
 * loops fulfil it, and the operation ends when they have. Nothing here touches a server.
 */
import type { ClusterRuntime } from "../agent/runtime.ts";
import type { Asked } from "../contract/installation.ts";
import { isTargetComing, judgeSwitchover } from "../core/candidates.ts";
import { formatReason } from "../core/reason.ts";
import { formatRejection } from "../core/rejection.ts";
import type { Intent } from "../domain/cluster.ts";
import { OpError } from "../errors/op-error.ts";
import type { OperationRecord } from "../events/event.ts";
import { awake } from "./awake.ts";
import { viewOf } from "./explain.ts";
import { amend, awaitCluster, clusterOf, memberOf, refuseWithoutStore, type Parts } from "./parts.ts";
import { servingPrimary } from "./status.ts";
import { stepOf } from "./turns.ts";

/** A wish is given up, and its operation failed, when it is not fulfilled in this time. */
const wishMs = 180_000;
/** Longer than a primary lets one turn of a restart take (core/rules/upkeep.ts): it knows better how it ended. */
const turnMs = 270_000;
const seenMs = 2000;

export async function stopCluster(parts: Parts, name: string, asked: Asked): Promise<OperationRecord> {
  refusePaused(parts, clusterOf(parts, name));
  const operation = begin(parts, "stop", name, asked, "stopping the servers in order");
  return follow(parts, operation, async () => {
    await wishFor(parts, name, "stopped");
    await awaitCluster(parts, name, isDown, { withinMs: wishMs, describe: () => "Some servers still run." });
    parts.events.emit("cluster.stopped", { cluster: name, actor: asked.by });
  });
}

export async function startCluster(parts: Parts, name: string, asked: Asked): Promise<OperationRecord> {
  const wasStopped = clusterOf(parts, name).record.spec.value.wish === "stopped";
  const operation = begin(parts, "start", name, asked, "starting the servers");
  return follow(parts, operation, async () => {
    parts.runtime.wake(name, asked.by);
    await wishFor(parts, name, "running");
    await awaitCluster(parts, name, (cluster) => servingPrimary(cluster) !== undefined, {
      withinMs: wishMs,
      describe: () => "No primary has come up.",
    });
    // One that was asleep tells by itself that it was woken.
    if (wasStopped) parts.events.emit("cluster.started", { cluster: name, actor: asked.by });
  });
}

export async function wishFor(parts: Parts, name: string, wish: "running" | "stopped"): Promise<void> {
  await amend(parts, name, ({ spec, sleep }) => ({
    require: ["spec", "sleep"],
    write: [
      { key: "spec", value: { ...spec.value, wish, generation: spec.value.generation + 1 } },
      // Stopped is stopped: no client wakes it.
      ...(sleep ? [{ key: "sleep" as const, value: null }] : []),
    ],
  }));
}

export function isDown(cluster: ClusterRuntime): boolean {
  return [...cluster.members.values()].every(({ server }) => server.kind === "stopped" || server.kind === "absent");
}

export async function switchOver(
  parts: Parts,
  name: string,
  to: string | undefined,
  asked: Asked,
): Promise<OperationRecord> {
  const cluster = await awake(parts, name, asked);
  refuseUnfit(parts, cluster);
  parts.operations.refuseBusy(name);
  if (to !== undefined) memberOf(cluster, to);
  if (mayBecomeFit(cluster, to)) await fitTarget(parts, cluster, to);
  refuseWithoutTarget(cluster, to);
  const operation = begin(parts, "switchover", name, asked, "moving the primary's role");
  const epoch = cluster.record.reign.value.epoch;
  return intend(parts, operation, { kind: "switchover", to: to ?? null, epoch, ...intentBase(parts, operation) });
}

/** A standby that has only just come up is not told by its host yet. */
function mayBecomeFit(cluster: ClusterRuntime, to: string | undefined): boolean {
  const view = viewOf(cluster);
  return view !== undefined && isTargetComing(view, to ?? null);
}

/** Ends all the same when none becomes fit: whoever asked is told why, then. */
async function fitTarget(parts: Parts, { name }: ClusterRuntime, to: string | undefined): Promise<void> {
  const isSettled = (cluster: ClusterRuntime): boolean => !mayBecomeFit(cluster, to);
  await awaitCluster(parts, name, isSettled, { withinMs: seenMs, describe: () => "No standby is fit." }).catch(
    (error: unknown) => {
      if (!(error instanceof OpError) || error.code !== "operation-failed") throw error;
    },
  );
}

function refuseWithoutTarget(cluster: ClusterRuntime, to: string | undefined): void {
  const view = viewOf(cluster);
  if (!view) return;
  if (to !== undefined && to === cluster.record.reign.value.holder)
    throw new OpError("no-candidate", { message: `"${to}" is the primary already` });
  const verdicts = judgeSwitchover(view, to ?? null);
  if (verdicts.some((verdict) => verdict.rejection === undefined)) return;
  const why = verdicts
    .flatMap(({ rejection }) => rejection ?? [])
    .filter(
      ({ code, member }) => code !== "not-asked-for" && code !== "is-primary" && (to === undefined || member === to),
    );
  const behind = why.find((rejection) => rejection.code === "too-far-behind");
  throw new OpError(behind ? "candidate-behind" : "no-candidate", {
    message: to === undefined ? "no standby can become primary now" : `standby "${to}" cannot become primary now`,
    ...(why.length === 0 ? {} : { detail: `${why.map(formatRejection).join("; ")}.` }),
    hint: behind
      ? "Wait for it to catch up, or choose another standby with --to."
      : `See: matriarch switchover ${cluster.name} --dry-run`,
  });
}

export interface FailoverOptions {
  readonly to?: string;
  /** becomes the primary region with the wish, in one step */
  readonly primaryRegion?: string;
  readonly force: boolean;
  readonly acceptDataLoss: boolean;
}

/** For a primary that is sick in a way that nothing notices; a healthy one wants a switchover. */
export async function failOver(
  parts: Parts,
  name: string,
  options: FailoverOptions,
  asked: Asked,
): Promise<OperationRecord> {
  const cluster = await awake(parts, name, asked);
  refuseUnfit(parts, cluster);
  if (options.to !== undefined) memberOf(cluster, options.to);
  const primary = servingPrimary(cluster);
  if (primary && !options.force && !options.acceptDataLoss)
    throw new OpError("data-loss-refused", {
      message: `primary "${primary.id}" is healthy`,
      detail: "A failover stops it hard; clients see broken connections.",
      hint: `Use: matriarch switchover ${name}. To fail over all the same, add --force.`,
    });
  if (cluster.record.spec.value.members.length === 1)
    throw new OpError("no-candidate", {
      message: `cluster "${name}" has one member only`,
      hint: `Add one with: matriarch member add ${name}`,
    });
  if (!options.acceptDataLoss) refuseWithoutVotes(cluster);
  // It is what one types when all else fails: another change that waits for something must not keep it from happening.
  const step = "giving the primary up";
  const operation = parts.operations.begin({ kind: "failover", cluster: name, by: asked.by, step, exclusive: false });
  const epoch = cluster.record.reign.value.epoch;
  const intent = { kind: "failover", to: options.to ?? null, epoch, acceptDataLoss: options.acceptDataLoss } as const;
  return intend(parts, operation, { ...intent, ...intentBase(parts, operation) }, options.primaryRegion);
}

/** The members try to elect one as it is, and asking for it brings no vote: only a person knows whether they come back. */
function refuseWithoutVotes({ name, members }: ClusterRuntime): void {
  const missing = [...members.values()]
    .map(({ decision }) => decision?.because)
    .find((because) => because?.code === "votes-missing");
  if (missing === undefined) return;
  throw new OpError("no-candidate", {
    message: `no member of "${name}" can become primary now`,
    detail: `By what is known, ${formatReason(missing)}. It may hold acknowledged writes that no other has.`,
    hint: `Bring it back, and one takes over by itself. If it is lost for good: matriarch failover ${name} --force --accept-data-loss`,
  });
}

export async function pauseCluster(parts: Parts, name: string, forMs: number, asked: Asked): Promise<void> {
  await awake(parts, name, asked);
  refuseWithoutStore(parts);
  const until = parts.clock.wallNow() + forMs;
  await amend(parts, name, () => ({ require: ["pause"], write: [{ key: "pause", value: { until, by: asked.by } }] }));
  await seen(parts, name, ({ record }) => record.pause?.value.until === until);
}

export async function resumeCluster(parts: Parts, name: string): Promise<void> {
  clusterOf(parts, name);
  refuseWithoutStore(parts);
  await amend(parts, name, ({ pause }) => ({
    require: ["pause"],
    write: pause ? [{ key: "pause", value: null }] : [],
  }));
  await seen(parts, name, ({ record }) => !record.pause);
}

/** The answer shows the cluster as the loops see it; it is written, so one that is slow to see it fails nothing. */
async function seen(parts: Parts, name: string, isSeen: (cluster: ClusterRuntime) => boolean): Promise<void> {
  await awaitCluster(parts, name, isSeen, { withinMs: seenMs, describe: () => "" }).catch(() => undefined);
}

export function intentBase(parts: Parts, operation: OperationRecord): Pick<Intent, "id" | "by" | "requestedAt"> {
  return { id: operation.id, by: operation.by, requestedAt: parts.clock.wallNow() };
}

/** One wish of this kind at a time; the loops end it, and with it the operation. A failover takes another's place. */
export async function intend(
  parts: Parts,
  operation: OperationRecord,
  intent: Intent,
  primaryRegion?: string,
): Promise<OperationRecord> {
  const name = operation.cluster;
  let replaced: string | undefined;
  try {
    await amend(parts, name, (record) => {
      replaced = intent.kind === "failover" ? record.intent?.value.id : undefined;
      if (record.intent && replaced === undefined)
        throw new OpError("busy", { message: `cluster "${name}" is busy: a ${record.intent.value.kind} is under way` });
      const asked = { key: "intent", value: intent } as const;
      if (primaryRegion === undefined) return { require: ["intent", "reign"], write: [asked] };
      const { spec } = record;
      const moved = { ...spec.value, primaryRegion, generation: spec.value.generation + 1 };
      return { require: ["intent", "reign", "spec"], write: [asked, { key: "spec", value: moved }] };
    });
  } catch (error) {
    parts.operations.finish(operation.id, { state: "failed", error });
    throw error;
  }
  if (replaced !== undefined) {
    const error = new OpError("operation-failed", { message: "a failover was asked for before it was done" });
    parts.operations.finish(replaced, { state: "cancelled", error });
  }
  void awaitIntentEnd(parts, operation);
  return operation;
}

/**
 * Also the way on after an agent that ended in the middle. The member that ends the intent says how it ended, and with
 * that the operation ends (narrator); this only gives up one that nobody fulfils.
 */
export async function awaitIntentEnd(parts: Parts, operation: OperationRecord): Promise<void> {
  const name = operation.cluster;
  const describe = (): string => "The cluster is as `matriarch explain` shows it.";
  const ended = (cluster: ClusterRuntime): boolean => cluster.record.intent?.value.id !== operation.id;
  // What was written a moment ago may not have been read here: that it is not there does not say that it has ended.
  const known = (cluster: ClusterRuntime): boolean =>
    !ended(cluster) || parts.operations.get(operation.id).state !== "running";
  try {
    await awaitCluster(parts, name, known, { withinMs: wishMs, describe });
    await followTurns(parts, operation, describe);
    await awaitCluster(parts, name, ended, { withinMs: wishMs, describe });
  } catch (error) {
    if (parts.signal.aborted) return;
    await amend(parts, name, (record) => ({
      require: ["intent"],
      write: record.intent?.value.id === operation.id ? [{ key: "intent", value: null }] : [],
    })).catch(() => undefined);
    parts.operations.finish(operation.id, { state: "failed", error });
  }
}

/** Of a rolling restart, each turn as a step, with its own time. */
async function followTurns(
  parts: Parts,
  { id, cluster: name }: OperationRecord,
  describe: () => string,
): Promise<void> {
  const pendingOf = ({ record }: ClusterRuntime): readonly string[] => {
    const intent = record.intent?.value;
    return intent?.id === id && intent.kind === "restart" ? intent.pending : [];
  };
  const total = parts.operations.get(id).steps_total ?? pendingOf(clusterOf(parts, name)).length;
  for (let left = pendingOf(clusterOf(parts, name)); left.length > 0;) {
    const isNext = (cluster: ClusterRuntime): boolean => pendingOf(cluster).length !== left.length;
    await awaitCluster(parts, name, isNext, { withinMs: turnMs, describe });
    const cluster = clusterOf(parts, name);
    left = pendingOf(cluster);
    const done = total - left.length;
    if (left.length > 0) parts.operations.step(id, stepOf(left, done, cluster), done);
  }
}

export function begin(
  parts: Parts,
  kind: string,
  cluster: string,
  asked: Asked,
  step: string,
  stepsTotal?: number,
): OperationRecord {
  refuseWithoutStore(parts);
  const steps = stepsTotal === undefined ? {} : { stepsTotal };
  return parts.operations.begin({ kind, cluster, by: asked.by, step, exclusive: true, ...steps });
}

/** Answers at once; the work goes on and ends the operation. */
export function follow(
  parts: Parts,
  operation: OperationRecord,
  work: () => Promise<Readonly<Record<string, unknown>> | void>,
): OperationRecord {
  void work().then(
    (result) => parts.operations.finish(operation.id, { state: "done", ...(result ? { result } : {}) }),
    (error: unknown) => {
      if (!parts.signal.aborted) parts.operations.finish(operation.id, { state: "failed", error });
    },
  );
  return operation;
}

/** Changes that the loops must carry out need loops that may act. */
export function refuseUnfit(parts: Parts, cluster: ClusterRuntime): void {
  refuseWithoutStore(parts);
  refusePaused(parts, cluster);
  if (cluster.record.spec.value.wish !== "stopped") return;
  throw new OpError("cluster-stopped", {
    message: `cluster "${cluster.name}" is stopped`,
    hint: `Start it with: matriarch start ${cluster.name}`,
  });
}

export function refusePaused(parts: Parts, { name, record }: ClusterRuntime): void {
  if (!record.pause || record.pause.value.until <= parts.clock.wallNow()) return;
  throw new OpError("busy", {
    message: `automation of cluster "${name}" is paused by ${record.pause.value.by}`,
    detail: "Nothing is started, stopped or moved until the pause is over.",
    hint: `End it with: matriarch resume ${name}`,
  });
}
