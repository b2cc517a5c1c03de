/**
 * Views that have changed with Postgres 17: background writer, checkpointer, archiver. What moved keeps its old names too.
 * Called by postgres.ts. Pure.
 */
import type { FigureRow, ServerFigures } from "../../drivers/postgres/figures/ask.ts";
import type { Exposition, Labels } from "./exposition.ts";

export function reportChangedViews(to: Exposition, figures: ServerFigures, own: Labels): void {
  const writer: FigureRow = {
    ...figures.bgwriter?.[0],
    ...figures.backendWrites?.[0],
    ...asBefore(figures.checkpointer?.[0]),
  };
  for (const [name, value] of Object.entries(writer)) {
    const full = `pg_stat_bgwriter_${name}`;
    const help = `${name} of pg_stat_bgwriter, and of the views that took its place`;
    to.counter(full, help, value, own);
    // With and without the ending: postgres_exporter 0.12 added it.
    to.counter(`${full}_total`, help, value, own);
  }
  for (const [name, value] of Object.entries(figures.checkpointer?.[0] ?? {}))
    to.counter(`pg_stat_checkpointer_${name}_total`, `${name} of pg_stat_checkpointer`, value, own);
  for (const row of figures.archiver ?? []) reportArchiver(to, row, own);
}

/** The names that these had before 17. */
function asBefore(row: FigureRow | undefined): FigureRow {
  if (!row) return {};
  return {
    checkpoints_timed: row["num_timed"] ?? null,
    checkpoints_req: row["num_requested"] ?? null,
    checkpoint_write_time: row["write_time"] ?? null,
    checkpoint_sync_time: row["sync_time"] ?? null,
    buffers_checkpoint: row["buffers_written"] ?? null,
  };
}

function reportArchiver(to: Exposition, row: FigureRow, own: Labels): void {
  to.counter("pg_stat_archiver_archived_count", "Segments archived", row["archived_count"], own);
  to.counter("pg_stat_archiver_failed_count", "Attempts that failed", row["failed_count"], own);
  to.gauge("pg_stat_archiver_last_archive_age", "Seconds since the last one", row["last_archive_age"], own);
  to.gauge("pg_stat_archiver_last_archived_time_seconds", "When one was archived last", row["last_archived_time"], own);
  to.gauge("pg_stat_archiver_last_failed_time_seconds", "When one failed last", row["last_failed_time"], own);
}
