/**
 * How far a copy has come in replaying its log, for a person who waits: it never goes back. Recovery asks for some files
 * more than once, and for all of them again when the log turns out to end before the target.
 */
import { formatMoment } from "../../contract/moment.ts";
import { formatLsn, parseLsn, type Lsn } from "../../domain/lsn.ts";
import { parseSegmentName, segmentStart, usualSegmentBytes } from "../../domain/wal-file.ts";
import type { Recovery } from "../../drivers/postgres/clone/recover.ts";
import type { Source } from "./sources.ts";

/** @returns to be told a position, or the file of the log that is being read */
export function replayProgress(
  { writtenAt }: Pick<Source, "writtenAt">,
  recovery: Pick<Recovery, "served" | "target"> | undefined,
  told: (step: string) => void,
): (at: string) => Promise<void> {
  const files = (recovery?.served ?? []).filter((name) => parseSegmentName(name, usualSegmentBytes) !== undefined);
  let furthest: Lsn | undefined;
  return async (at) => {
    const position = positionOf(at);
    if (furthest !== undefined && position <= furthest) return;
    furthest = position;
    const written = await writtenAt?.(at);
    // Another one came while this was looked up.
    if (furthest !== position) return;
    const turn = files.indexOf(at) + 1;
    const where = turn === 0 ? `at ${formatLsn(position)}` : `file ${turn} of ${files.length}`;
    const until = untilWords(written, recovery?.target);
    told(`replaying its log: ${where}${until}`);
  };
}

function positionOf(at: string): Lsn {
  const file = parseSegmentName(at, usualSegmentBytes);
  return file ? segmentStart(file.segment, usualSegmentBytes) : parseLsn(at);
}

/** The last file may have been written to beyond what it is restored to. */
function untilWords(written: number | undefined, target: Recovery["target"] | undefined): string {
  if (written === undefined) return "";
  const until = target?.kind === "time" ? Math.min(written, target.ms) : written;
  return `, changes until ${formatMoment(until)}`;
}
