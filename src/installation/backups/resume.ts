/**
 * What an agent does about the one before it: a backup goes on without an agent and is followed to its end; what was
 * being enabled, disabled or verified is told as it stands.
 */
import type { ClusterSpec } from "../../domain/cluster.ts";
import { OpError } from "../../errors/op-error.ts";
import type { OperationRecord } from "../../events/event.ts";
import { follow } from "../changes.ts";
import type { Parts } from "../parts.ts";
import { enableKind } from "./kinds.ts";
import { findStanza } from "./stanza.ts";
import { takeBackInterrupted } from "./take-back.ts";
import { followOne, readRunning, resultOf, tellFailed } from "./take.ts";

export async function resumeBackup(parts: Parts, operation: OperationRecord): Promise<void> {
  const { cluster: name, id, by } = operation;
  const note = await readRunning(parts, name, id);
  if (!note) return await endInterruptedBackup(parts, operation);
  follow(parts, operation, async () => {
    try {
      return resultOf([await followOne(parts, await findStanza(parts, name), { ...note, by })]);
    } catch (error) {
      if (!parts.signal.aborted) tellFailed(parts, name, note.number, { by, error });
      throw error;
    }
  });
}

/** Each step is whole or is done again by the same command; what was not enabled is as it was before. */
export async function endInterruptedBackup(parts: Parts, { id, kind, cluster }: OperationRecord): Promise<void> {
  const spec = parts.runtime.clusters.get(cluster)?.record.spec.value;
  const isTakenBack = kind === enableKind && spec !== undefined && (await endHalf(parts, spec));
  const hint =
    kind === enableKind && !isTakenBack
      ? `The repository is in use, and the first backup is taken by itself: matriarch backup show ${cluster}`
      : `Give the same command again; see how it stands: matriarch backup show ${cluster}`;
  const error = new OpError("interrupted", { message: `the agent ended in the middle of ${kind}`, hint });
  parts.operations.finish(id, { state: "failed", error });
}

function endHalf(parts: Parts, spec: ClusterSpec): Promise<boolean> {
  return takeBackInterrupted(parts, spec).catch((error: unknown) => {
    parts.log.warn("what an interrupted enabling left was not taken back", { cluster: spec.name, error });
    return true;
  });
}
