/**
 * One copy of a database, as it was at one moment: what comes before the rows, the rows of several tables at a time,
 * what comes after them (indexes, keys, triggers), and then the counts of both sides. Called by begin.ts.
 */
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { formatDuration, formatSize } from "../../contract/units.ts";
import { quoted, shown, type SourceTable } from "../../drivers/postgres/import/look.ts";
import {
  chooseEntries,
  copyTable,
  dumpArchive,
  restore,
  type Programs,
} from "../../drivers/postgres/import/programs.ts";
import { conninfoOf, sourceName, SourceSession, writePassfile } from "../../drivers/postgres/import/source.ts";
import { endImport, handOver, inTarget, makeTarget } from "../../drivers/postgres/import/target.ts";
import type { Mark } from "../../drivers/postgres/import/mark.ts";
import { withSession, type SessionTarget } from "../../drivers/postgres/session/session.ts";
import { OpError } from "../../errors/op-error.ts";
import { changeOnPrimary, primaryTarget } from "../accounts/primary.ts";
import { clusterOf } from "../parts.ts";
import type { Figures, Work } from "./work.ts";
import { localeFor } from "./locale.ts";

const jobsMax = 8;
const countMs = 24 * 3_600_000;
const lookEveryMs = 1000;

export async function copyDatabase(work: Work): Promise<Figures> {
  const { parts, ready, step, signal } = work;
  const { cluster, database, server, source } = ready;
  const startedAt = performance.now();
  await makeDatabase(work);
  step("reading the schema", 1);
  await using holder = await SourceSession.open(server);
  const programs = await programsFor(work, await exportSnapshot(holder));
  const tables = source.tables;
  await dumpArchive(programs, tables);
  await chooseEntries(programs, entriesWanted(work));
  const target = await primaryTarget(parts, cluster);
  const into = { target, database };
  await restore(programs, into, "pre-data");
  const rows = await copyTables(work, programs, target);
  step("sequences and large objects", 3);
  await restore(programs, into, "data");
  step("indexes, keys and triggers", 4);
  await restore(programs, into, "post-data", jobsOf(work));
  step("statistics", 5);
  await inTarget(target, database, "ANALYZE");
  signal.throwIfAborted();
  await changeOnPrimary(parts, cluster, async (admin) => {
    await handOver(admin, database);
    await endImport(admin, database);
  });
  return {
    database,
    tables: tables.length,
    rows,
    sequences: source.sequences,
    source_bytes: source.bytes,
    took_ms: Math.round(performance.now() - startedAt),
    verified: "rows of every table counted on both sides",
  };
}

export async function makeDatabase(work: Work, live: Partial<Mark> = {}): Promise<Mark> {
  const { parts, ready, operation } = work;
  const { cluster, database, source, target, server, wanted } = ready;
  const mark: Mark = {
    id: operation.id,
    system: clusterOf(parts, cluster).record.spec.value.systemIdentifier,
    state: "copying",
    source: sourceName(server),
    begun: operation.started_at,
    made: true,
    extensions: [],
    roles: [],
    name: "",
    epoch: clusterOf(parts, cluster).record.reign.value.epoch,
    identities: [],
    cutover: null,
    ...live,
  };
  const { options } = localeFor(source, target);
  return changeOnPrimary(parts, cluster, (admin) =>
    makeTarget(admin, { database, options, roles: source.namedRoles, extensions: wanted, mark }),
  );
}

export async function programsFor(work: Work, snapshot: string): Promise<Programs> {
  const { directory, ready, signal } = work;
  return {
    tools: ready.tools,
    directory,
    conninfo: conninfoOf(ready.server),
    passfile: await writePassfile(directory, ready.server),
    encoding: localeFor(ready.source, ready.target).clientEncoding,
    snapshot,
    signal,
  };
}

/** Everything is read as it is at this moment, for as long as the session is open. */
async function exportSnapshot(holder: SourceSession): Promise<string> {
  await holder.rows("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
  const [row] = await holder.rows("SELECT pg_export_snapshot() AS id");
  return row?.["id"] ?? "";
}

/** Extensions are made by other hands, and so are the schemas that they are in. */
export function entriesWanted({ ready }: Work): (line: string) => boolean {
  const schemas = ready.wanted.map(({ schema }) => ` SCHEMA - ${schema} `);
  return (line) =>
    !/^\d+; \d+ \d+ (?:EXTENSION|COMMENT - EXTENSION) /.test(line) && !schemas.some((schema) => line.includes(schema));
}

export function jobsOf({ ready }: Work): number {
  return ready.wish.jobs ?? Math.min(jobsMax, Math.max(2, availableParallelism()));
}

/** The largest first, so that none is left for the end alone. @returns rows, counted on both sides */
async function copyTables(work: Work, programs: Programs, target: SessionTarget): Promise<number> {
  const { ready, signal } = work;
  const queue = ready.source.tables.toSorted((a, b) => b.bytes - a.bytes);
  const progress = new CopyProgress(work, target);
  const failed = new AbortController();
  const own: Programs = { ...programs, signal: AbortSignal.any([signal, failed.signal]) };
  let rows = 0;
  const worker = async (): Promise<void> => {
    await using session = await SourceSession.open(ready.server);
    await session.rows("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    await session.rows(`SET TRANSACTION SNAPSHOT '${programs.snapshot}'`);
    for (let table = queue.shift(); table !== undefined; table = queue.shift()) {
      own.signal.throwIfAborted();
      progress.begin(table);
      if (table.bytes > 0) await copyTable(own, { target, database: ready.database }, table);
      const counted = await sameCount(session, { target, database: ready.database }, table);
      rows += counted;
      progress.end(table);
    }
  };
  const errors: unknown[] = [];
  // Those that end because of it say nothing new.
  const stopOthers = (error: unknown): void => {
    errors.push(error);
    failed.abort();
  };
  const following = progress.follow(own.signal);
  await Promise.all(Array.from({ length: jobsOf(work) }, () => worker().catch(stopOthers)));
  failed.abort();
  await following;
  const [first] = errors;
  if (first instanceof Error) throw first;
  return rows;
}

/** @throws OpError import-failed when the two sides differ */
async function sameCount(
  session: SourceSession,
  { target, database }: { readonly target: SessionTarget; readonly database: string },
  table: SourceTable,
): Promise<number> {
  const sql = `SELECT pg_catalog.count(*) AS n FROM ONLY ${quoted(table)}`;
  const [theirs] = await session.rows(sql, [], countMs);
  const [ours] = await inTarget(target, database, sql);
  if (theirs?.["n"] === ours?.["n"]) return Number(ours?.["n"]);
  throw new OpError("import-failed", {
    message: `table "${shown(table)}" has ${theirs?.["n"]} rows at the source and ${ours?.["n"]} here`,
  });
}

/** Bytes as the source stores them, and what is left of them; told once a second. */
class CopyProgress {
  readonly #work: Work;
  readonly #target: SessionTarget;
  readonly #total: number;
  readonly #startedAt = performance.now();
  readonly #active = new Set<SourceTable>();
  #bytes = 0;
  #tables = 0;

  constructor(work: Work, target: SessionTarget) {
    this.#work = work;
    this.#target = target;
    this.#total = work.ready.source.tables.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  begin(table: SourceTable): void {
    this.#active.add(table);
  }

  end(table: SourceTable): void {
    this.#active.delete(table);
    this.#bytes += table.bytes;
    this.#tables += 1;
  }

  /** Until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    this.#work.step(this.#words(0), 2);
    while (!signal.aborted) {
      await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) this.#work.step(this.#words(await this.#underWay().catch(() => 0)), 2);
    }
  }

  #words(underWay: number): string {
    const activeBytes = [...this.#active].reduce((sum, { bytes }) => sum + bytes, 0);
    const done = this.#bytes + Math.min(underWay, activeBytes);
    const tookMs = performance.now() - this.#startedAt;
    const count = `${this.#tables} of ${this.#work.ready.source.tables.length} tables`;
    const amount = `${formatSize(done)} of ${formatSize(this.#total)}`;
    if (done === 0 || tookMs < 2 * lookEveryMs) return `copying: ${amount}, ${count}`;
    const perSecond = (done / tookMs) * 1000;
    const left = formatDuration(((this.#total - done) / perSecond) * 1000);
    return `copying: ${amount}, ${count}, ${formatSize(perSecond)}/s, ${left} left`;
  }

  async #underWay(): Promise<number> {
    const sql =
      "SELECT COALESCE(sum(bytes_processed), 0) AS bytes FROM pg_catalog.pg_stat_progress_copy WHERE datname = $1";
    const [row] = await withSession(this.#target, { withinMs: 5000 }, (session) =>
      session.query(sql, [this.#work.ready.database], { withinMs: 5000 }),
    );
    return Number(row?.["bytes"] ?? 0);
  }
}
