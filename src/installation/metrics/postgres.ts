/**
 * A server's figures under the names that postgres_exporter gives them, so that dashboards and rules made for it work.
 * Where it has renamed them, both names are there. Called by member.ts. Pure.
 */
import type { FigureRow, ServerFigures } from "../../drivers/postgres/figures/ask.ts";
import { reportChangedViews } from "./changed-views.ts";
import type { Exposition, Labels } from "./exposition.ts";
import { reportSettings } from "./settings.ts";
import { reportReplication } from "./replication.ts";

export function reportServer(to: Exposition, quick: ServerFigures, slow: ServerFigures, own: Labels): void {
  reportItself(to, quick, own);
  reportSessions(to, quick, own);
  reportDatabases(to, quick, slow, own);
  reportChangedViews(to, quick, own);
  reportReplication(to, quick, own);
  reportSettings(to, slow.settings ?? [], own);
  for (const { segments, size_bytes: size } of slow.wal ?? []) {
    to.gauge("pg_wal_segments", "Segments in pg_wal", segments, own);
    to.gauge("pg_wal_size_bytes", "Size of pg_wal", size, own);
  }
}

function reportItself(to: Exposition, { server = [], totals = [] }: ServerFigures, own: Labels): void {
  for (const row of server) {
    const version = String(row["version"]);
    to.gauge("pg_static", "Version of the server", 1, { ...own, version, short_version: version.split(" ")[0] ?? "" });
    to.gauge("pg_postmaster_start_time_seconds", "When the postmaster started", row["started"], own);
  }
  for (const { databases, databases_omitted: omitted } of totals) {
    to.gauge("matriarch_databases", "Databases that take sessions", databases, own);
    to.gauge("matriarch_databases_omitted", "Databases beyond the limit, without figures of their own", omitted, own);
  }
}

function reportSessions(to: Exposition, figures: ServerFigures, own: Labels): void {
  for (const row of figures.activity ?? []) {
    const labels = { ...own, datname: word(row, "datname"), state: word(row, "state") };
    to.gauge("pg_stat_activity_count", "Sessions in this state", row["count"], labels);
    to.gauge(
      "pg_stat_activity_max_tx_duration",
      "Age of the oldest transaction, seconds",
      row["max_tx_duration"],
      labels,
    );
    if (labels.state === "active")
      to.gauge("matriarch_active_query_seconds_max", "Age of the oldest running query", row["max_query_duration"], {
        ...own,
        datname: labels.datname,
      });
  }
  for (const row of figures.locks ?? [])
    to.gauge("pg_locks_count", "Locks", row["count"], {
      ...own,
      datname: word(row, "datname"),
      mode: word(row, "mode"),
    });
  for (const { waiters, longest } of figures.waiting ?? []) {
    to.gauge("matriarch_lock_waiters", "Sessions that wait for a lock", waiters, own);
    to.gauge("matriarch_lock_wait_seconds_max", "The longest of them", longest, own);
  }
  for (const { transactions, oldest_timestamp: oldest, oldest_age: age, xmin_age: xmin } of figures.horizon ?? []) {
    to.gauge("pg_long_running_transactions", "Transactions older than a minute", transactions, own);
    to.gauge("pg_long_running_transactions_oldest_timestamp_seconds", "Begin of the oldest of them", oldest, own);
    to.gauge("matriarch_oldest_transaction_seconds", "Age of the oldest of them", age, own);
    to.gauge("matriarch_xmin_age_transactions", "Transactions that the oldest snapshot holds back", xmin, own);
  }
}

function reportDatabases(to: Exposition, quick: ServerFigures, slow: ServerFigures, own: Labels): void {
  for (const row of slow.size ?? [])
    to.gauge("pg_database_size_bytes", "Size of the database", row["size"], { ...own, datname: word(row, "datname") });
  for (const row of quick.age ?? []) {
    const labels = { ...own, datname: word(row, "datname") };
    to.gauge("pg_database_connection_limit", "Limit of sessions, -1 for none", row["datconnlimit"], labels);
    to.gauge("pg_database_wraparound_age_datfrozenxid_seconds", "Age of the oldest transaction id", row["xid"], labels);
    to.gauge("pg_database_wraparound_age_datminmxid_seconds", "Age of the oldest multixact", row["mxid"], labels);
  }
  for (const row of quick.database ?? []) reportDatabase(to, row, own);
  for (const row of quick.conflicts ?? [])
    for (const [name, value] of Object.entries(row))
      if (name.startsWith("confl_"))
        to.counter(`pg_stat_database_conflicts_${name}`, "Queries cancelled for replay", value, {
          ...own,
          datid: word(row, "datid"),
          datname: word(row, "datname"),
        });
}

const databaseGauges: ReadonlySet<string> = new Set(["numbackends", "stats_reset"]);

/** Every column that is a number, of whatever major: a newer one has more. */
function reportDatabase(to: Exposition, row: FigureRow, own: Labels): void {
  const labels = { ...own, datid: word(row, "datid"), datname: word(row, "datname") };
  for (const [name, value] of Object.entries(row)) {
    if (name === "datid" || typeof value !== "number") continue;
    const full = `pg_stat_database_${name}`;
    if (databaseGauges.has(name)) to.gauge(full, `${name} of pg_stat_database`, value, labels);
    else to.counter(full, `${name} of pg_stat_database`, value, labels);
  }
  // Renamed in postgres_exporter 0.15.
  to.counter("pg_stat_database_active_time_seconds_total", "Time in queries", seconds(row["active_time"]), labels);
}

function seconds(ms: FigureRow[string] | undefined): number | undefined {
  return typeof ms === "number" ? ms / 1000 : undefined;
}

function word(row: FigureRow, name: string): string {
  return String(row[name] ?? "");
}
