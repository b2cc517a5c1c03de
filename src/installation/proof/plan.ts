/**
 * What a proof restores: a moment by chance out of all that can be restored, and the copies that lead there. Says at once
 * what is known to be missing. Nothing is written.
 */
import { randomInt } from "node:crypto";
import { secondWithin } from "../../domain/proof.ts";
import type { RecoveryTarget } from "../../domain/recovery.ts";
import { segmentFileName, segmentOf, timelineAt } from "../../domain/wal-file.ts";
import { OpError } from "../../errors/op-error.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { candidatesOf, windowsOf, type Candidate } from "../storage/restore/plan.ts";
import { ofLog, type Source } from "../storage/sources.ts";

export interface ProofPlan {
  readonly from: "snapshot" | "backup";
  /** tried in turn, as by a restore */
  readonly sources: readonly Source[];
  readonly target: number;
  /** all that was committed until then is in it: rows can be compared */
  readonly isCertain: boolean;
  /** of the copy that it begins with */
  readonly bytes: number;
  /** what is missing, whatever the copy will show */
  readonly problems: readonly string[];
}

export const chances = 2 ** 32;

/** @throws OpError restore-out-of-window when there is nothing to restore */
export async function planOfSnapshots(parts: Parts, name: string): Promise<ProofPlan> {
  const { systemIdentifier } = clusterOf(parts, name).record.spec.value;
  const all = await candidatesOf(parts, name);
  const own = all.filter(({ base }) => base.snapshot.spec.systemIdentifier === systemIdentifier);
  const target = secondWithin(windowsOf(own), randomInt(chances) / chances);
  if (target === undefined) throw nothingKept(name);
  const sources = await ofLog(parts, name, { target: timeTarget(target), snapshot: undefined });
  const base = own.find(({ base: { snapshot } }) => snapshot.id === sources[0]?.base)?.base;
  return {
    from: "snapshot",
    sources,
    target,
    isCertain: true,
    bytes: base?.snapshot.bytes ?? 0,
    problems: gapsIn(own),
  };
}

export function timeTarget(ms: number): RecoveryTarget {
  return {
    kind: "time",
    ms,
    text: `${new Date(ms).toISOString().slice(0, 23).replace("T", " ")}+00`,
    isInclusive: true,
  };
}

/** From each copy the log leads as far as from the newest, and that as far as the log is written. */
function gapsIn(own: readonly Candidate[]): readonly string[] {
  const files = own.flatMap(({ log, end }) => {
    const written = log.live?.lsn ?? end;
    const furthest = own.reduce((most, other) => (other.end > most ? other.end : most), end);
    // The file that is written to just now may not be complete.
    const isWhole = end >= furthest && written - end < BigInt(log.segmentBytes);
    if (isWhole) return [];
    const segment = segmentOf(end, log.segmentBytes);
    return [segmentFileName(timelineAt(log.line, segment, log.segmentBytes), segment, log.segmentBytes)];
  });
  return [...new Set(files)].map((file) => `file ${file} of the log is missing: times after it need a later snapshot`);
}

function nothingKept(name: string): OpError {
  return new OpError("restore-out-of-window", {
    message: `there is nothing to restore "${name}" from`,
    detail: "A restore begins with a snapshot, and there is none on a host that answers.",
    hint: `Take one: matriarch snapshot create ${name}`,
  });
}
