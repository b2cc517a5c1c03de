/** Makes the first member's directory of a source, and says what it holds. Called while a cluster is created of a copy. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { formatLsn, zeroLsn } from "../../domain/lsn.ts";
import { parseHistoryFile, type TimelineHistory } from "../../domain/timeline.ts";
import { historyFileName, parseSegmentName, segmentStart, usualSegmentBytes } from "../../domain/wal-file.ts";
import type { KeptPasswords } from "../../drivers/postgres/clone/cut-ties.ts";
import type { Contents } from "../../drivers/postgres/clone/inspect.ts";
import type { Recovery } from "../../drivers/postgres/clone/recover.ts";
import { revive, type Revived } from "../../drivers/postgres/clone/revive.ts";
import type { Script } from "../../drivers/postgres/clone/run-script.ts";
import { syncFileSystem } from "../../drivers/postgres/provision/durable.ts";
import { OpError } from "../../errors/op-error.ts";
import type { SeedRequest, Sown } from "../create.ts";
import type { Parts } from "../parts.ts";
import { replayProgress } from "./replay-progress.ts";
import { withRoom } from "./room.ts";
import { whileInUse } from "./snapshots/in-use.ts";
import type { Source } from "./sources.ts";

export interface Sowing {
  /** tried in turn: the next one when one turns out to be newer than the target */
  readonly sources: readonly Source[];
  readonly script?: Script | undefined;
  readonly passwords?: KeptPasswords | undefined;
  readonly isToInspect?: boolean;
}

export interface SownCopy extends Sown {
  readonly source: Source;
}

/** @throws OpError clone-failed, too-little-disk, restore-too-early, restore-out-of-window, script-failed */
export async function sow(parts: Parts, sowing: Sowing, wish: SeedRequest): Promise<SownCopy> {
  const begunAt = parts.clock.now();
  for (const [turn, source] of sowing.sources.entries()) {
    try {
      const make = (signal: AbortSignal): Promise<SownCopy> =>
        sowOne(parts, sowing, source, { ...wish, begunAt, signal });
      return await whileInUse(source.reads, () => withRoom(parts, wish.signal, make));
    } catch (error) {
      if (!isTooNew(error, source) || turn === sowing.sources.length - 1) throw error;
      await parts.servers.pool.remove(dirname(wish.dataDirectory));
    }
  }
  throw new Error("there is no source to make it of");
}

function isTooNew(error: unknown, { mayBeTooNew }: Source): boolean {
  if (!(error instanceof OpError)) return false;
  return error.code === "restore-too-early" || (mayBeTooNew === true && error.code === "restore-out-of-window");
}

async function sowOne(
  { servers, clock }: Parts,
  { script, passwords, isToInspect }: Sowing,
  source: Source,
  wish: SeedRequest & { readonly begunAt: number },
): Promise<SownCopy> {
  const { dataDirectory, engine, told, signal } = wish;
  const volume = dirname(dataDirectory);
  await source.copy(volume, wish);
  told("replaying its log");
  const recovery = await source.recovery?.(dataDirectory);
  const tell = replayProgress(source, recovery, told);
  const revived = await revive({
    engine,
    owner: servers.owner,
    dataDirectory,
    settings: { ...servers.computed(source.spec), ...source.spec.settings },
    progress: (at) => void tell(at),
    inspecting: () => told("checking what it holds"),
    signal,
    ...(recovery && { recovery }),
    ...(script && { script }),
    ...(passwords && { passwords }),
    ...(isToInspect !== undefined && { isToInspect }),
  });
  const [timelines, size] = await Promise.all([
    timelinesOf(dataDirectory, revived.timeline),
    servers.pool.bytesIn(volume),
    syncFileSystem([volume], signal),
  ]);
  if (recovery) refuseCutShort(timelines, recovery, revived);
  const expiresAt = wish.spec.fork?.expiresAt;
  return {
    source,
    systemIdentifier: revived.systemIdentifier,
    timelines,
    result: {
      copied_from: source.spec.name,
      ...(source.isAtKnown !== false && { as_of: new Date(source.at).toISOString() }),
      ...(recovery && { began_with: source.base, ...reachedFigures(timelines) }),
      ...(expiresAt !== undefined && { destroyed_at: new Date(expiresAt).toISOString() }),
      size_bytes: size,
      ...revivedFigures(revived),
      ...(isToInspect === true && { took_ms: Math.round(clock.now() - wish.begunAt) }),
    },
  };
}

/** A file of the log that cannot be read looks like its end: then there is less than was promised. */
export function refuseCutShort(
  timelines: TimelineHistory,
  { target, served }: Recovery,
  { endedBefore }: Revived,
): void {
  if (target.kind !== "newest" && !endedBefore) return;
  const last = served.flatMap((name) => parseSegmentName(name, usualSegmentBytes) ?? []).at(-1);
  const end = timelines.at(-1)?.forkedAt ?? zeroLsn;
  // Its newest record may have been copied in part, and begin in the file before.
  if (!last || end >= segmentStart(Math.max(0, last.segment - 1), usualSegmentBytes)) return;
  throw new OpError("clone-failed", {
    message: `the log cannot be read beyond ${formatLsn(end)}, and should lead on`,
    hint: "A file of it is damaged. Restore to an earlier time, or from another snapshot.",
  });
}

/** Where the log was left: the beginning of the timeline that it goes on with. */
function reachedFigures(timelines: TimelineHistory): Readonly<Record<string, unknown>> {
  const last = timelines.at(-1);
  return last ? { restored_to: formatLsn(last.forkedAt), of_timeline: last.parent } : {};
}

function revivedFigures(revived: Revived): Readonly<Record<string, unknown>> {
  const { newestCommit, withoutPassword, subscriptions, contents, endedBefore } = revived;
  const others = withoutPassword.filter((role) => role !== "postgres");
  return {
    ...(newestCommit !== undefined && { newest_change: newestCommit }),
    ...(endedBefore && { nothing_later: "the log holds no change between that and the time asked for" }),
    ...(contents && contentFigures(contents)),
    ...(others.length > 0 && { without_a_password_now: others.join(", ") }),
    ...(subscriptions.length > 0 && { subscriptions_disabled: subscriptions.join(", ") }),
  };
}

function contentFigures(contents: Contents): Readonly<Record<string, unknown>> {
  const { databases, tables, rows, whole, unchecked, damaged, hasChecksums } = contents;
  const read = hasChecksums ? "read, checksums included" : "read; it has no checksums";
  return {
    databases,
    tables,
    rows_about: rows,
    checked: `${whole} indexes and tables ${read}${unchecked === 0 ? "" : `; ${unchecked} larger ones left out for lack of time`}`,
    ...(damaged.length > 0 && { damaged: damaged.join("; ") }),
  };
}

/** What the log went through before: standbys ask for the history of every timeline. */
export async function timelinesOf(dataDirectory: string, id: number): Promise<TimelineHistory> {
  const rows = parseHistoryFile(await readFile(join(dataDirectory, "pg_wal", historyFileName(id)), "utf8"));
  return [...rows.map(({ parent }) => parent), id].map((timeline, index) => {
    const before = rows[index - 1];
    return {
      id: timeline,
      parent: before?.parent ?? null,
      forkedAt: before?.forkedAt ?? zeroLsn,
      epoch: timeline === id ? 1 : 0,
    };
  });
}
