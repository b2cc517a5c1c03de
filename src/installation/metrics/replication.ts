/** Streams, slots and lag under postgres_exporter's names of all generations. Called by postgres.ts. Pure. */
import type { FigureRow, ServerFigures } from "../../drivers/postgres/figures/ask.ts";
import type { Exposition, Labels } from "./exposition.ts";

export function reportReplication(to: Exposition, figures: ServerFigures, own: Labels): void {
  for (const row of figures.server ?? []) {
    to.gauge("pg_replication_is_replica", "1 for a standby", row["is_replica"], own);
    to.gauge("pg_replication_lag_seconds", "Behind the primary; 0 for one that has replayed all", row["lag"], own);
    to.gauge("pg_replication_lag", "The same, under its older name", row["lag"], own);
    to.gauge(
      "pg_replication_last_replay_seconds",
      "Time of the last commit that was replayed",
      row["replayed_at"],
      own,
    );
  }
  for (const row of figures.replication ?? []) reportStream(to, row, own);
  for (const row of figures.slots ?? []) reportSlot(to, row, own);
  for (const row of figures.receiver ?? []) reportReceiver(to, row, own);
}

function reportStream(to: Exposition, row: FigureRow, own: Labels): void {
  const labels = { ...own, ...words(row, ["application_name", "client_addr", "state", "slot_name"]) };
  const gauge = (name: string, help: string): void => to.gauge(`pg_stat_replication_${name}`, help, row[name], labels);
  gauge("pg_wal_lsn_diff", "Bytes that the standby has not replayed");
  gauge("pg_wal_lsn_flush_diff", "Bytes that the standby has not flushed");
  gauge("pg_current_wal_lsn_bytes", "End of the log");
  gauge("reply_time", "When the standby was heard last");
  for (const name of ["write_lag", "flush_lag", "replay_lag"])
    to.gauge(`pg_stat_replication_${name}_seconds`, `${name} of pg_stat_replication`, row[name] ?? 0, labels);
}

const statuses = ["reserved", "extended", "unreserved", "lost"] as const;

function reportSlot(to: Exposition, row: FigureRow, own: Labels): void {
  const named = { ...own, ...words(row, ["slot_name", "slot_type"]) };
  const full = { ...named, ...words(row, ["database", "plugin"]) };
  to.gauge("pg_replication_slots_active", "1 while somebody uses the slot", row["active"], full);
  to.gauge("pg_replication_slots_pg_wal_lsn_diff", "Bytes of WAL that the slot keeps", row["pg_wal_lsn_diff"], full);
  // Up to 0.19, and from 0.20 on.
  for (const start of ["pg_replication_slot_slot", "pg_replication_slots"]) {
    to.gauge(`${start}_current_wal_lsn`, "End of the log", row["current_wal_lsn"], named);
    to.gauge(`${start}_confirmed_flush_lsn`, "What a logical slot's reader has", row["confirmed_flush_lsn"], named);
    to.gauge(`${start}_is_active`, "1 while somebody uses the slot", row["active"], named);
  }
  for (const start of ["pg_replication_slot", "pg_replication_slots"]) {
    to.gauge(`${start}_safe_wal_size_bytes`, "WAL until the slot is lost", row["safe_wal_size"], named);
    for (const status of statuses)
      to.gauge(`${start}_wal_status`, "1 for the state of what the slot needs", row["wal_status"] === status, {
        ...named,
        wal_status: status,
      });
  }
}

function reportReceiver(to: Exposition, row: FigureRow, own: Labels): void {
  const labels = { ...own, ...words(row, ["upstream_host", "slot_name", "status"]) };
  for (const [name, value] of Object.entries(row))
    if (typeof value === "number")
      to.gauge(`pg_stat_walreceiver_${name}`, `${name} of pg_stat_wal_receiver`, value, labels);
}

function words(row: FigureRow, names: readonly string[]): Labels {
  return Object.fromEntries(names.map((name) => [name, String(row[name] ?? "")]));
}
