/**
 * One proof from its beginning to its record: refused where it would take room that is needed, made as an operation that
 * can be followed, told as an event. Its copy is removed whatever comes of it; the cluster and what is kept of it are only
 * read.
 */
import type { Asked } from "../../contract/asked.ts";
import { operationSchema, type Operation } from "../../contract/cluster.ts";
import { formatMoment } from "../../contract/moment.ts";
import type { ProofRequest } from "../../contract/proof.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import { judgeCount, withCounts, type Proof } from "../../domain/proof.ts";
import { proofPolicyOf } from "../../domain/proof-policy.ts";
import { OpError } from "../../errors/op-error.ts";
import { proofKind } from "../../events/operation-log.ts";
import { follow } from "../changes.ts";
import { hostOfWork } from "../backups/stanza.ts";
import { clusterOf, refuseWithoutStore, type Parts } from "../parts.ts";
import { heardOf } from "../placement/forward.ts";
import { hostToRestoreOn } from "../storage/restore/host.ts";
import { changeBook, proofsOf } from "./book.ts";
import { countTables, primaryHere } from "./counts.ts";
import { planOfSnapshots, type ProofPlan } from "./plan.ts";
import { noteRestored, planOfRepository, removeFetchConfig } from "./repository.ts";
import { restoreToScratch, type Restored } from "./restore.ts";
import { refuseNoRoom, watchRoom } from "./room.ts";
import { giveRunBack, keepRun, recordProof, refuseHeld, takeRun } from "./run.ts";
import { makeScratchParent, removeScratch, scratchVolume } from "./scratch.ts";

const forwardMs = 60_000;

/** @throws OpError restore-out-of-window, too-little-disk, busy */
export async function beginProof(parts: Parts, name: string, { here }: ProofRequest, asked: Asked): Promise<Operation> {
  clusterOf(parts, name);
  refuseWithoutStore(parts);
  const host = here ? undefined : await hostOfProof(parts, name);
  if (host !== undefined) return forward(parts, name, host, asked);
  const plan = await planProof(parts, name);
  await plan.sources[0]?.check(1);
  await refuseNoRoom(parts, plan.bytes);
  refuseAnother(parts, name);
  await refuseHeld(parts, clusterOf(parts, name).record.spec.value);
  const step = `copying ${plan.sources[0]?.base ?? ""}`;
  const operation = parts.operations.begin({ kind: proofKind, cluster: name, by: asked.by, step, stepsTotal: 4 });
  return follow(parts, operation, () => prove(parts, { name, plan, id: operation.id, by: asked.by }));
}

/** Of the repository where there is one with a backup, else of the snapshots and the log of this host. */
export async function planProof(parts: Parts, name: string): Promise<ProofPlan> {
  const { backups } = clusterOf(parts, name).record.spec.value;
  return (backups && (await planOfRepository(parts, name))) ?? (await planOfSnapshots(parts, name));
}

async function hostOfProof(parts: Parts, name: string): Promise<string | undefined> {
  if (clusterOf(parts, name).record.spec.value.backups) return hostOfWork(parts, name);
  return hostToRestoreOn(parts, name, { kind: "newest" }, { here: false });
}

export interface Proving {
  readonly name: string;
  readonly plan: ProofPlan;
  /** of the operation */
  readonly id: string;
  readonly by: string;
}

/** @returns what it has shown, for people. @throws OpError proof-failed, too-little-disk, busy */
export async function prove(parts: Parts, proving: Proving): Promise<Readonly<Record<string, unknown>>> {
  const { name, plan } = proving;
  const spec = clusterOf(parts, name).record.spec.value;
  const run = await takeRun(parts, spec, proving);
  const kept = keepRun(parts, spec, run);
  let proof: Proof;
  try {
    proof = await makeProof(parts, proving, spec, kept.signal);
    await recordProof(parts, spec, run, proof);
  } catch (error) {
    if (!parts.signal.aborted) await giveRunBack(parts, spec, run);
    throw error;
  } finally {
    kept.stop();
  }
  if (plan.from === "backup")
    await noteRestored(parts, name, proof.base, proof.problems.length === 0).catch((error: unknown) =>
      parts.log.warn("a backup's proof is not noted beside it", { cluster: name, error }),
    );
  return tell(parts, name, proof);
}

/** @param overtaken another one has taken its place */
async function makeProof(parts: Parts, proving: Proving, spec: ClusterSpec, overtaken: AbortSignal): Promise<Proof> {
  const { plan, by } = proving;
  const at = parts.clock.wallNow();
  const begun = parts.clock.now();
  const restored = await makeCopy(parts, proving, spec, overtaken);
  const judged = restored instanceof Error ? failedOf(plan, restored) : await judge(parts, spec, plan, restored);
  return { at, tookMs: Math.round(parts.clock.now() - begun), by, from: plan.from, ...judged };
}

/** @returns the reason for which it failed. @throws what is not the copy's fault */
async function makeCopy(
  parts: Parts,
  { name, plan, id }: Proving,
  spec: ClusterSpec,
  overtaken: AbortSignal,
): Promise<Restored | Error> {
  const volume = scratchVolume(parts, name, id);
  const room = watchRoom(parts);
  const signal = AbortSignal.any([parts.signal, room.signal, overtaken]);
  const told = (step: string, done?: number): unknown => parts.operations.step(id, step, done ?? 0);
  try {
    await makeScratchParent(volume);
    const { tables } = proofPolicyOf(spec);
    return await restoreToScratch(parts, { volume, sources: plan.sources, tables, told, signal });
  } catch (error) {
    if (parts.signal.aborted) throw error;
    if (overtaken.aborted) throw overtaken.reason;
    if (room.signal.aborted) throw postponed(parts, name, room.signal.reason);
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    room.stop();
    if (!parts.signal.aborted) {
      await removeScratch(parts, volume);
      await removeFetchConfig(parts, name, volume);
    }
  }
}

function postponed({ events }: Parts, cluster: string, reason: unknown): unknown {
  if (reason instanceof OpError) events.emit("proof.postponed", { cluster }, { reason: reason.message });
  return reason;
}

type Judged = Omit<Proof, "at" | "tookMs" | "by" | "from">;

function failedOf({ sources, target, problems }: ProofPlan, error: Error): Judged {
  const base = sources[0]?.base ?? "";
  const detail = error instanceof OpError && error.detail !== undefined ? ` (${error.detail})` : "";
  const none = { bytes: 0, tables: 0, rows: 0, whole: 0, unchecked: 0, pages: 0, counts: [] };
  return { base, target, problems: [`${base}: ${error.message}${detail}`, ...problems], ...none };
}

async function judge(parts: Parts, spec: ClusterSpec, plan: ProofPlan, restored: Restored): Promise<Judged> {
  const { source, revived, contents, scan, rows, bytes } = restored;
  const { tables } = proofPolicyOf(spec);
  await countNow(parts, spec);
  const known = proofsOf(parts, spec).counts;
  const counts = tables.map((table) => judgeCount(table, rows.get(table), plan.isCertain ? known : [], plan.target));
  const newest = revived.newestCommit === undefined ? Number.NaN : Date.parse(revived.newestCommit);
  const outside = counts.filter(({ verdict }) => verdict === "outside");
  const problems = [
    ...contents.damaged.map((text) => `${source.base}: ${text}`),
    ...(scan?.damaged ?? []).map((where) => `${source.base}: wrong checksum in ${where}`),
    ...outside.map(
      ({ table, rows: found, atLeast, atMost }) =>
        `${table} has ${found ?? "no"} rows at ${formatMoment(plan.target)}, and had ${atLeast} to ${atMost} then`,
    ),
    ...(newest > plan.target ? [`it holds a change of ${revived.newestCommit}, after the moment asked for`] : []),
    ...plan.problems,
  ];
  return {
    base: source.base,
    target: plan.target,
    ...(Number.isNaN(newest) ? {} : { newestCommit: newest }),
    problems,
    bytes,
    tables: contents.tables,
    rows: contents.rows,
    whole: contents.whole,
    unchecked: contents.unchecked,
    pages: scan?.pages ?? 0,
    counts,
  };
}

/** The running cluster's marked tables, into the record; where its primary is elsewhere, that host counts. */
export async function countNow(parts: Parts, spec: ClusterSpec): Promise<void> {
  const { tables } = proofPolicyOf(spec);
  const target = tables.length === 0 ? undefined : primaryHere(parts, spec.name);
  if (!target) return;
  const counts = await countTables(parts, target, tables, (table, error) =>
    parts.log.warn("a table was not counted", { cluster: spec.name, table, error }),
  );
  if (counts.length > 0) await changeBook(parts, spec, (before) => withCounts(before, counts));
}

function tell({ events }: Parts, cluster: string, proof: Proof): Readonly<Record<string, unknown>> {
  const { base, target, problems, tookMs, by, tables, rows } = proof;
  const about = { cluster, actor: by, durationMs: tookMs };
  const restoredTo = formatMoment(target);
  if (problems.length === 0) {
    events.emit("proof.passed", about, { base, restored_to: restoredTo, tables, rows });
    return figuresOf(proof);
  }
  events.emit("proof.failed", about, { base, restored_to: restoredTo, problems });
  throw new OpError("proof-failed", {
    message: `what is kept of "${cluster}" could not be restored as it should`,
    detail: `${problems.join("; ")}.`,
    hint: `Take a new snapshot now: matriarch snapshot create ${cluster}. Then look after the disk.`,
  });
}

export function figuresOf(proof: Proof): Readonly<Record<string, unknown>> {
  const { base, target, newestCommit, bytes, tables, rows, whole, unchecked, pages, counts } = proof;
  return {
    message: "it was restored, and is whole",
    restored_from: base,
    restored_to: formatMoment(target),
    ...(newestCommit !== undefined && { newest_change: new Date(newestCommit).toISOString() }),
    size_bytes: bytes,
    tables,
    rows_about: rows,
    checked: `${whole} indexes and tables${unchecked === 0 ? "" : `, ${unchecked} were not`}; ${pages === 0 ? "no checksums" : `checksums of ${pages} pages`}`,
    ...(counts.length > 0 && { counted: counts.map(countWords).join("; ") }),
  };
}

function countWords({ table, rows, atLeast, atMost, verdict }: Proof["counts"][number]): string {
  const found = `${table}: ${rows ?? "no"} rows`;
  return verdict === "unsure" || atLeast === null
    ? `${found}, not comparable with the running cluster`
    : `${found}, where there were ${atLeast === atMost ? atLeast : `${atLeast} to ${atMost}`}`;
}

function refuseAnother({ operations }: Parts, name: string): void {
  const other = operations.underWay(name).find(({ kind }) => kind === proofKind);
  if (!other) return;
  throw new OpError("busy", {
    message: `a test restore of "${name}" is under way already`,
    detail: `It was begun by "${other.by}" and is at: ${other.step}.`,
    hint: "Wait for its end and try again.",
  });
}

async function forward(parts: Parts, name: string, host: string, { by }: Asked): Promise<Operation> {
  const answer = await parts.hosts.call(host, {
    method: "POST",
    path: `/v1/clusters/${encodeURIComponent(name)}/proofs`,
    body: { here: true },
    as: { by, role: "operator" },
    deadlineMs: forwardMs,
  });
  const { id } = operationSchema.parse(answer);
  await heardOf(parts, id);
  return parts.operations.get(id);
}
