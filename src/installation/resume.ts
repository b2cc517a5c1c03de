/** What an agent does about the operations of the one before it, and how it stops everything when asked to. */
import type { ClusterRuntime } from "../agent/runtime.ts";
import type { ClusterRecord, MemberRecord } from "../domain/cluster.ts";
import { OpError } from "../errors/op-error.ts";
import type { OperationRecord } from "../events/event.ts";
import { backupKind, proofKind, snapshotKind, verifyKind } from "../events/operation-log.ts";
import { disableKind, enableKind } from "./backups/kinds.ts";
import { endInterruptedBackup, resumeBackup } from "./backups/resume.ts";
import { removeScratch, scratchVolume } from "./proof/scratch.ts";
import { removeLeftOvers } from "./storage/snapshots/files.ts";
import { inPlaceKind } from "./storage/restore/abandoned.ts";
import { resumeInPlace } from "./storage/restore/in-place.ts";
import { awaitIntentEnd, follow, isDown } from "./changes.ts";
import { resumeCreate } from "./create.ts";
import { createKind, forkKind, restoreKind } from "./making.ts";
import { finishDestroy } from "./destroy.ts";
import { endInterrupted, extensionKind } from "./extensions/carry-out.ts";
import { resumeImport } from "./imports/resume.ts";
import { isSettled } from "./members.ts";
import { regionKind, resumeRegion } from "./region.ts";
import { resizeKind, resumeResize } from "./resize.ts";
import { configKind, restartingConfigKind, resumeConfig } from "./settings/apply.ts";
import { changedKind, finishingKind, resumeRestart } from "./settings/finish.ts";
import { awaitCluster, isHere, type Parts } from "./parts.ts";
import { servingPrimary } from "./status.ts";

/** Copies of large databases take their time. */
const followMs = 24 * 3_600_000;

export function resumeOperations(parts: Parts): void {
  const { operations } = parts;
  // Those of other hosts are theirs to go on with.
  for (const operation of operations.list({ state: "running", host: operations.host }))
    // Those of no cluster are drains of hosts: hosts/drain.ts goes on with them.
    if (operation.cluster !== "") resume(parts, operation);
}

function resume(parts: Parts, operation: OperationRecord): void {
  if (operation.kind.startsWith(extensionKind)) return endInterrupted(parts, operation);
  if (operation.kind.startsWith(regionKind)) return void resumeRegion(parts, operation);
  if (operation.kind.startsWith(resizeKind)) return void resumeResize(parts, operation);
  switch (operation.kind) {
    case createKind:
    case forkKind:
    case restoreKind:
      return void resumeCreate(parts, operation);
    case inPlaceKind:
      return void resumeInPlace(parts, operation);
    case "destroy":
      return void finishDestroy(parts, operation);
    case configKind:
    case restartingConfigKind:
      return void resumeConfig(parts, operation);
    case finishingKind:
    case changedKind:
      return void resumeRestart(parts, operation);
    case backupKind:
    case enableKind:
      return void resumeBackup(parts, operation);
    case disableKind:
    case verifyKind:
      return void endInterruptedBackup(parts, operation);
    case proofKind:
      return void endProof(parts, operation);
    case snapshotKind:
      return void endSnapshot(parts, operation);
    case "import":
      return void resumeImport(parts, operation);
    case "import abandon":
    case "import cutover":
      return parts.operations.finish(operation.id, { state: "failed", error: agentEnded(operation) });
    case "switchover":
    case "failover":
    case "restart":
    case "upgrade":
      return resumeIntent(parts, operation);
    default:
      return void resumeWish(parts, operation);
  }
}

/** The copy ended with the agent that made it: half of one is of no use. */
async function endSnapshot(parts: Parts, { id }: OperationRecord): Promise<void> {
  await removeLeftOvers(parts, parts.servers.pool, parts.startedAt).catch((error: unknown) =>
    parts.log.error("what is left of a snapshot is not removed", { error }),
  );
  const error = new OpError("interrupted", {
    message: "the agent ended while the snapshot was taken; what there was of it has been removed",
    hint: "Take it again.",
  });
  parts.operations.finish(id, { state: "failed", error });
}

/** Of the next turn, or of whoever asked for it, it is made anew. */
async function endProof(parts: Parts, { id, cluster }: OperationRecord): Promise<void> {
  await removeScratch(parts, scratchVolume(parts, cluster, id)).catch((error: unknown) =>
    parts.log.error("what is left of a test restore is not removed", { error }),
  );
  const error = new OpError("interrupted", {
    message: "the agent ended in the middle of a test restore; its copy has been removed",
    hint: `Make it again: matriarch backup verify ${cluster}`,
  });
  parts.operations.finish(id, { state: "failed", error });
}

/** Both go on from what they find when they are given again. What a cutover left is settled first: imports/cut-short.ts. */
function agentEnded({ kind, cluster }: OperationRecord): OpError {
  const isCutover = kind === "import cutover";
  return new OpError("interrupted", {
    message: `the agent ended in the middle of ${kind}`,
    ...(isCutover && { detail: "A source that it had locked is opened again now, unless the cutover was at its end." }),
    hint: `See matriarch import status ${cluster}, and give the same command again.`,
  });
}

/** The wish stands in the store and the loops fulfil it; it is only followed to its end again. */
function resumeWish(parts: Parts, operation: OperationRecord): OperationRecord {
  const reached = goals[operation.kind] ?? isSettled;
  const wait = {
    withinMs: followMs,
    describe: () => `\`matriarch explain ${operation.cluster}\` tells how far it is.`,
  };
  return follow(parts, operation, () => awaitCluster(parts, operation.cluster, reached, wait));
}

const goals: Readonly<Record<string, (cluster: ClusterRuntime) => boolean>> = {
  stop: isDown,
  start: (cluster) => servingPrimary(cluster) !== undefined,
};

function resumeIntent(parts: Parts, operation: OperationRecord): void {
  const intent = parts.runtime.clusters.get(operation.cluster)?.record.intent?.value;
  if (intent?.id === operation.id) return void awaitIntentEnd(parts, operation);
  if (operation.kind === "upgrade" && operation.steps_done === 0) return endBeforeTurns(parts, operation);
  const step = "it ended while the agent was away; `matriarch events` tells how";
  parts.operations.finish(operation.id, { state: "done", step });
}

/** It was still fetching the binaries. */
function endBeforeTurns(parts: Parts, { id, cluster }: OperationRecord): void {
  const error = new OpError("interrupted", {
    message: `the agent ended before any member of "${cluster}" was restarted`,
    hint: `Give it again: matriarch upgrade ${cluster}`,
  });
  parts.operations.finish(id, { state: "failed", error });
}

/** Every server of this host, in order and then hard; the records stay as they are, so that all come back. */
export async function stopServers(parts: Parts): Promise<void> {
  const clusters = [...parts.runtime.clusters.values()];
  for (const cluster of clusters) await parts.runtime.abandon(cluster.name);
  for (const { record } of clusters) {
    const { holder } = record.reign.value;
    const members = Object.values(record.members)
      .map((member) => member.value)
      .filter((member) => isHere(parts, member));
    if (members.length === 0) continue;
    await parts.servers.prepare(record, members);
    // The primary first, so that its standbys end with the same log.
    await stopAll(
      parts,
      record,
      members.filter(({ id }) => id === holder),
    );
    await stopAll(
      parts,
      record,
      members.filter(({ id }) => id !== holder),
    );
  }
}

async function stopAll(parts: Parts, record: ClusterRecord, members: readonly MemberRecord[]): Promise<void> {
  await Promise.all(
    members.map(async (member) => {
      const server = parts.servers.make(record, member);
      await server.observe(1000);
      await server.stop(10_000, "fence");
      await server.close();
    }),
  );
}
