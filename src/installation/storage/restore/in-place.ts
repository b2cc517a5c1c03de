/**
 * Puts a cluster back to what it was, under its name and endpoints. The copy is made beside it while it goes on; then it
 * is stopped, and one transaction gives the cluster new members, of which the first has the copy (swap.ts). Until that
 * the old cluster is what there is, after it the restored one, whenever the agent dies. What the cluster was last
 * becomes a snapshot, from which the restore can be undone.
 */
import { dirname } from "node:path";
import type { Asked } from "../../../contract/asked.ts";
import { inPlacePlanSchema, type InPlacePlan, type InPlaceRequest } from "../../../contract/storage.ts";
import { operationSchema } from "../../../contract/cluster.ts";
import { engineOf, type ClusterRecord } from "../../../domain/cluster.ts";
import type { RecoveryTarget } from "../../../domain/recovery.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { OperationRecord } from "../../../events/event.ts";
import { follow, isDown, refusePaused, wishFor } from "../../changes.ts";
import { awaitCluster, clusterOf, isHere, refuseWithoutStore, type Parts } from "../../parts.ts";
import { heardOf } from "../../placement/forward.ts";
import type { Missing } from "../elsewhere.ts";
import { ofLog, ofSnapshot, type Source } from "../sources.ts";
import { sow, type SownCopy } from "../sow.ts";
import { listSnapshots } from "../snapshots/list.ts";
import { inPlaceKind } from "./abandoned.ts";
import { finishInPlace, settle } from "./after-swap.ts";
import { collectFor } from "./collect-here.ts";
import { endJournal, keepJournal, type InPlaceJournal } from "./journal.ts";
import { hostsToRestoreOn, onFirstThatCan } from "./host.ts";
import { passwordsOf } from "./passwords.ts";
import { refuseAway, successorsOf, swap } from "./swap.ts";
import { settleEverywhere, tellReplacing } from "./replaced.ts";
import { readTarget } from "./target.ts";

const stopMs = 180_000;
const forwardMs = 30_000;

export function beginInPlace(
  parts: Parts,
  name: string,
  request: InPlaceRequest,
  asked: Asked,
): Promise<OperationRecord> {
  return where(parts, name, request, (host, beginning) =>
    host === undefined ? beginHere(parts, name, beginning, asked) : forward(parts, name, { request, host, asked }),
  );
}

/** Refuses what that would refuse. */
export function planInPlace(parts: Parts, name: string, request: InPlaceRequest): Promise<InPlacePlan> {
  return where(parts, name, request, (host, beginning) =>
    host === undefined ? planHere(parts, name, beginning) : askForPlan(parts, name, request, host),
  );
}

/** @param on a host that may have what it takes; undefined: this one */
async function where<T>(
  parts: Parts,
  name: string,
  request: InPlaceRequest,
  on: (host: string | undefined, beginning: Beginning) => Promise<T>,
): Promise<T> {
  const cluster = clusterOf(parts, name);
  refuseWithoutStore(parts);
  refusePaused(parts, cluster);
  refuseAway(parts, cluster);
  const wish = request.undo ? await undoing(parts, name) : { snapshot: request.snapshot };
  const read = await readTarget(parts, name, request);
  const target: RecoveryTarget =
    read.kind === "newest" && wish.snapshot !== undefined ? { kind: "base" } : refuseNewest(name, read);
  const hosts = await hostsToRestoreOn(parts, name, target, { ...wish, here: request.here });
  return await onFirstThatCan(parts, name, { target, hosts }, (host) => on(host, { target, ...wish }));
}

interface Beginning {
  readonly target: RecoveryTarget;
  readonly snapshot?: string | undefined;
}

async function beginHere(parts: Parts, name: string, beginning: Beginning, { by }: Asked): Promise<OperationRecord> {
  const { sources, journal } = await prepared(parts, name, beginning);
  const step = "making the copy";
  const operation = parts.operations.begin({
    kind: inPlaceKind,
    cluster: name,
    by,
    step,
    stepsTotal: 4,
    exclusive: true,
  });
  return follow(parts, operation, () => carryOut(parts, operation, sources, journal));
}

async function planHere(parts: Parts, name: string, beginning: Beginning): Promise<InPlacePlan> {
  const { source } = await prepared(parts, name, beginning);
  const { base, at, isAtKnown } = source;
  const { target } = beginning;
  return {
    cluster: name,
    host: parts.hosts.self?.name ?? parts.hostName,
    begins_with: base,
    at: target.kind === "time" ? target.text : null,
    as_of: isAtKnown === false ? null : new Date(at).toISOString(),
    members: Object.keys(clusterOf(parts, name).record.members).length,
  };
}

interface Prepared {
  /** to try in turn */
  readonly sources: readonly Source[];
  /** the first of them */
  readonly source: Source;
  readonly journal: InPlaceJournal;
}

/** Nothing has been begun. @throws OpError for each refusal */
async function prepared(parts: Parts, name: string, { target, snapshot }: Beginning): Promise<Prepared> {
  const { record } = clusterOf(parts, name);
  await collectFor(parts, name).catch((error: unknown) =>
    parts.log.warn("the log was not collected", { cluster: name, error }),
  );
  const sources =
    target.kind === "base" && snapshot !== undefined
      ? [await ofSnapshot(parts, name, snapshot)]
      : await ofLog(parts, name, { target, snapshot });
  // The others are made anew in the room of those that they replace.
  const [source] = sources;
  if (!source) throw new Error("there is nothing to restore from");
  await source.check(1);
  refuseOtherMajor(record, source);
  return { sources, source, journal: planned(parts, record) };
}

/** The snapshot that the last restore in place made. */
async function undoing(parts: Parts, name: string): Promise<{ readonly snapshot: string }> {
  await settleEverywhere(parts, name);
  const { snapshots, missing } = await listSnapshots(parts, name, { here: false });
  refuseMissing(name, missing);
  const last = snapshots.findLast(({ why }) => why === "before-restore");
  if (last) return { snapshot: last.id };
  throw new OpError("snapshot-not-found", {
    message: `there is no restore in place of "${name}" to undo`,
    detail: "Its snapshot is kept as long as the cluster's others.",
    hint: `See what there is: matriarch snapshot list ${name}`,
  });
}

/** The newest may be on a host that does not answer; an older one would be another undo than was asked for. */
function refuseMissing(name: string, [away]: readonly Missing[]): void {
  if (!away) return;
  throw new OpError("host-unreachable", {
    message: `host "${away.host}" does not answer, and may have what "${name}" was`,
    detail: `${away.reason}.`,
    hint: `Wait for the host, or choose: matriarch snapshot list ${name}, then matriarch restore ${name} --in-place --snapshot ID`,
  });
}

/** It would throw away what was committed meanwhile, for nothing. */
function refuseNewest(name: string, target: RecoveryTarget): RecoveryTarget {
  if (target.kind !== "newest") return target;
  throw new OpError("usage", {
    message: `to what "${name}" is to be put back is not given`,
    hint: "Give one of --at, --name, --lsn, --xid and --snapshot, or --undo.",
  });
}

function refuseOtherMajor({ spec }: ClusterRecord, source: Source): void {
  if (source.spec.major === spec.value.major) return;
  throw new OpError("bad-value", {
    message: `"${spec.value.name}" runs Postgres ${spec.value.major}, and was of ${source.spec.major} then`,
    hint: `Restore it into a new cluster: matriarch restore ${spec.value.name} NEW`,
  });
}

/** Its first member is of this host, in the place of one that is here. @throws OpError no-host */
function planned(parts: Parts, record: ClusterRecord): InPlaceJournal {
  const { spec } = record;
  const places = successorsOf(record, (member) => isHere(parts, member));
  if (!places)
    throw new OpError("no-host", {
      message: `"${spec.value.name}" has no member on the host of what it is restored from`,
      hint: "Restore it into a new cluster, or add a member there: matriarch member add --host.",
    });
  return { ...places, wasRunning: spec.value.wish === "running", before: spec.value };
}

async function carryOut(
  parts: Parts,
  operation: OperationRecord,
  sources: readonly Source[],
  journal: InPlaceJournal,
): Promise<Readonly<Record<string, unknown>>> {
  const name = operation.cluster;
  await keepJournal(parts, name, journal);
  let sown: SownCopy;
  try {
    sown = await makeCopy(parts, operation, sources, journal);
    await settleEverywhere(parts, name);
    await tellReplacing(parts, name, journal);
    parts.operations.step(operation.id, "stopping the cluster", 1);
    await wishFor(parts, name, "stopped");
    const describe = (): string => "Some servers still run; they are started again.";
    await awaitCluster(parts, name, isDown, { withinMs: stopMs, describe });
    parts.operations.step(operation.id, "putting the copy in its place", 2);
    await swap(parts, name, journal, sown);
  } catch (error) {
    if (!parts.signal.aborted) await undo(parts, name, journal);
    throw error;
  }
  const kept = await finishInPlace(parts, operation, journal);
  return { ...sown.result, ...kept };
}

async function makeCopy(
  parts: Parts,
  operation: OperationRecord,
  sources: readonly Source[],
  { first, version }: InPlaceJournal,
): Promise<SownCopy> {
  const { record } = clusterOf(parts, operation.cluster);
  const told = (step: string): unknown => parts.operations.step(operation.id, step, 0);
  const wanted = { ...engineOf(record.spec.value), ...(version === undefined ? {} : { version }) };
  const found = await parts.servers.engine(wanted, told, parts.signal);
  const passwords = await passwordsOf(parts, operation.cluster);
  const { dataDirectory } = first;
  const wish = { dataDirectory, spec: record.spec.value, engine: found, told, signal: parts.signal };
  return await sow(parts, { sources, passwords, isToInspect: true }, wish);
}

/** Nothing was changed yet but that the cluster may have been stopped. */
async function undo(parts: Parts, name: string, { first, wasRunning }: InPlaceJournal): Promise<void> {
  const { record } = clusterOf(parts, name);
  if (wasRunning && record.spec.value.wish === "stopped") await wishFor(parts, name, "running");
  await parts.servers.pool.remove(dirname(first.dataDirectory));
  await endJournal(parts, name);
}

/** Called when an agent starts. */
export async function resumeInPlace(parts: Parts, operation: OperationRecord): Promise<void> {
  await settle(parts, operation, (journal) => undo(parts, operation.cluster, journal)).catch((error: unknown) => {
    if (!parts.signal.aborted) parts.operations.finish(operation.id, { state: "failed", error });
  });
}

async function forward(
  parts: Parts,
  name: string,
  { request, host, asked: { by } }: { readonly request: InPlaceRequest; readonly host: string; readonly asked: Asked },
): Promise<OperationRecord> {
  const answer = await parts.hosts.call(host, {
    method: "POST",
    path: `/v1/clusters/${encodeURIComponent(name)}/restores/in-place`,
    body: { ...request, here: true },
    as: { by, role: "admin" },
    deadlineMs: forwardMs,
  });
  const { id } = operationSchema.parse(answer);
  await heardOf(parts, id);
  return parts.operations.get(id);
}

async function askForPlan(parts: Parts, name: string, request: InPlaceRequest, host: string): Promise<InPlacePlan> {
  const answer = await parts.hosts.call(host, {
    method: "POST",
    path: `/v1/clusters/${encodeURIComponent(name)}/restores/in-place/plan`,
    body: { ...request, here: true },
    as: { by: "matriarch", role: "admin" },
    deadlineMs: forwardMs,
  });
  return inPlacePlanSchema.parse(answer);
}
