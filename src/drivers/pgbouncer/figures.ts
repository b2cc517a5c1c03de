/**
 * What PgBouncer shows of itself, as our figures. Called by process.ts. Pure. Columns are looked up by name: later
 * versions have more of them. Source: pgbouncer(1), "SHOW commands".
 */
import { poolModes, type PoolMode } from "../../domain/pool.ts";
import type { Row } from "./console.ts";
import type { PoolFigures } from "./port.ts";

/** The database of the console itself. */
const own = "pgbouncer";

export interface Shown {
  readonly version: string;
  readonly pools: readonly Row[];
  readonly stats: readonly Row[];
  readonly isPaused: boolean;
  readonly lists: readonly Row[];
  /** sessions at the console, which count as clients there */
  readonly consoles: number;
}

export function figuresOf(shown: Shown): PoolFigures {
  return {
    version: shown.version,
    isPaused: shown.isPaused,
    clients: clientsIn(shown.lists, shown.consoles),
    pools: shown.pools.filter(isUsers).map((row) => ({
      database: row["database"] ?? "",
      user: row["user"] ?? "",
      mode: modeOf(row["pool_mode"]),
      clientsActive: number(row, "cl_active"),
      clientsWaiting: number(row, "cl_waiting"),
      serversActive: number(row, "sv_active"),
      serversIdle: number(row, "sv_idle"),
      serversOther: number(row, "sv_used") + number(row, "sv_tested") + number(row, "sv_login"),
      waitMs: number(row, "maxwait") * 1000 + Math.round(number(row, "maxwait_us") / 1000),
    })),
    totals: shown.stats.filter(isUsers).map((row) => ({
      database: row["database"] ?? "",
      transactions: number(row, "total_xact_count"),
      queries: number(row, "total_query_count"),
      receivedBytes: number(row, "total_received"),
      sentBytes: number(row, "total_sent"),
      transactionMs: number(row, "total_xact_time") / 1000,
      queryMs: number(row, "total_query_time") / 1000,
      waitMs: number(row, "total_wait_time") / 1000,
    })),
  };
}

export function clientsIn(lists: readonly Row[], consoles: number): number {
  const row = lists.find(({ list }) => list === "used_clients");
  return Math.max(0, number(row ?? {}, "items") - consoles);
}

function isUsers(row: Row): boolean {
  return row["database"] !== own;
}

function number(row: Row, column: string): number {
  const value = Number(row[column] ?? 0);
  return Number.isFinite(value) ? value : 0;
}

function modeOf(text: string | null | undefined): PoolMode {
  return poolModes.find((mode) => mode === text) ?? "transaction";
}
