/**
 * The copy itself: made in a scratch volume, recovered to its moment by a server that runs alone and behind everything
 * else, looked at by amcheck, counted, and read page by page once its server has ended. Removes nothing.
 */
import { join } from "node:path";
import type { Contents } from "../../drivers/postgres/clone/inspect.ts";
import type { Open } from "../../drivers/postgres/clone/quiet-server.ts";
import { revive, type Revived } from "../../drivers/postgres/clone/revive.ts";
import { scanPages, type Scan } from "../../drivers/postgres/checksums/scan.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { engineOfCopy } from "../storage/own-engine.ts";
import { replayProgress } from "../storage/replay-progress.ts";
import { refuseCutShort, timelinesOf } from "../storage/sow.ts";
import type { Source } from "../storage/sources.ts";
import { countRows, parseTable } from "./counts.ts";
import { removeScratch } from "./scratch.ts";

export interface Restoring {
  readonly volume: string;
  readonly sources: readonly Source[];
  /** whose rows are counted */
  readonly tables: readonly string[];
  readonly told: (step: string, done?: number) => void;
  readonly signal: AbortSignal;
}

export interface Restored {
  readonly source: Source;
  readonly revived: Revived;
  readonly contents: Contents;
  readonly scan: Scan | undefined;
  /** by table; left out: it is not there */
  readonly rows: ReadonlyMap<string, number>;
  readonly bytes: number;
}

/** Nobody waits for it, and nobody uses the server meanwhile. */
const patience = { budgetMs: 3_600_000, largestBytes: Number.POSITIVE_INFINITY, askMs: 3_600_000 };
const niceness = 19;
const countMs = 3_600_000;
/** Little memory; and what is thrown away need not survive anything. */
const frugal = {
  shared_buffers: "64MB",
  maintenance_work_mem: "64MB",
  huge_pages: "off",
  max_parallel_workers: "0",
  full_page_writes: "off",
};

/** @throws OpError clone-failed, restore-out-of-window, what keeps it from coming up */
export async function restoreToScratch(parts: Parts, restoring: Restoring): Promise<Restored> {
  const { sources, volume } = restoring;
  for (const [turn, source] of sources.entries()) {
    try {
      return await restoreFrom(parts, source, restoring);
    } catch (error) {
      const isTooNew = error instanceof OpError && error.code === "restore-too-early";
      if (!isTooNew || turn === sources.length - 1) throw error;
      await removeScratch(parts, volume);
    }
  }
  throw new Error("there is no source to restore from");
}

async function restoreFrom(
  parts: Parts,
  source: Source,
  { volume, tables, told, signal }: Restoring,
): Promise<Restored> {
  const { servers } = parts;
  const dataDirectory = join(volume, "data");
  const { wanted } = await engineOfCopy(parts, source.spec, source.version);
  const engine = await servers.engine(wanted, told, signal);
  // As large as it comes out: what holds the cluster to its size does not hold a copy that is looked at.
  const { volumeBytes: _, ...spec } = source.spec;
  await source.copy(volume, { dataDirectory, spec, engine, told, signal });
  told("replaying its log", 1);
  const recovery = await source.recovery?.(dataDirectory);
  const tell = replayProgress(source, recovery, (step) => told(step, 1));
  let rows: ReadonlyMap<string, number> = new Map();
  const revived = await revive({
    engine,
    owner: servers.owner,
    dataDirectory,
    settings: { ...servers.computed(source.spec), ...source.spec.settings, ...frugal },
    progress: (at) => void tell(at),
    signal,
    isToInspect: true,
    patience,
    niceness,
    examine: async (open) => {
      told("counting and checking what it holds", 2);
      rows = await countAll(open, tables);
    },
    ...(recovery && { recovery }),
  });
  if (recovery) refuseCutShort(await timelinesOf(dataDirectory, revived.timeline), recovery, revived);
  const { contents } = revived;
  if (!contents) throw new Error("the copy was not looked at");
  told("computing checksums", 3);
  const scan = contents.hasChecksums
    ? await scanPages(dataDirectory, (pages) => told(`computing checksums, ${pages} pages`, 3), signal)
    : undefined;
  return { source, revived, contents, scan, rows, bytes: await servers.pool.bytesIn(volume) };
}

async function countAll(open: Open, tables: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = new Map<string, number>();
  for (const table of tables) {
    const { database, ...name } = parseTable(table);
    // It may not have been made yet at that moment; whether it should have been is judged by the counts.
    const session = await open(database).catch(() => undefined);
    if (!session) continue;
    try {
      const count = await countRows(session, name, countMs).catch(() => undefined);
      if (count !== undefined) rows.set(table, count);
    } finally {
      session.destroy();
    }
  }
  return rows;
}
