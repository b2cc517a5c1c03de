/** The pooler of a cluster on this host, under the names that PgBouncer's own exporter has. Called by collect.ts. Pure. */
import type { PoolFigures } from "../../drivers/pgbouncer/port.ts";
import type { Exposition } from "./exposition.ts";

/** A pair of a database and a user each; more are left out. */
const poolsMax = 200;

/** @param figures undefined: it does not answer */
export function reportPool(to: Exposition, cluster: string, figures: PoolFigures | undefined): void {
  const own = { cluster };
  to.gauge("pgbouncer_up", "1 while the pooler answers", figures !== undefined, own);
  if (!figures) return;
  to.gauge("matriarch_pool_clients", "Clients of the pooled endpoint", figures.clients, own);
  to.gauge("matriarch_pool_is_paused", "1 while the primary moves", figures.isPaused, own);
  for (const pool of figures.pools.slice(0, poolsMax)) {
    const labels = { ...own, database: pool.database, user: pool.user };
    const gauge = (name: string, help: string, value: number): void =>
      to.gauge(`pgbouncer_pools_${name}`, help, value, labels);
    gauge("client_active_connections", "Clients that have a server or need none", pool.clientsActive);
    gauge("client_waiting_connections", "Clients that wait for a server", pool.clientsWaiting);
    gauge("client_maxwait_seconds", "How long the first of them has waited", pool.waitMs / 1000);
    gauge("server_active_connections", "Servers that work for a client", pool.serversActive);
    gauge("server_idle_connections", "Servers that are free", pool.serversIdle);
  }
  for (const total of figures.totals.slice(0, poolsMax)) {
    const labels = { ...own, database: total.database };
    const counter = (name: string, help: string, value: number): void =>
      to.counter(`pgbouncer_stats_${name}`, help, value, labels);
    counter("sql_transactions_pooled_total", "Transactions", total.transactions);
    counter("queries_pooled_total", "Queries", total.queries);
    counter("received_bytes_total", "From clients", total.receivedBytes);
    counter("sent_bytes_total", "To clients", total.sentBytes);
    counter("server_in_transaction_seconds_total", "Time in transactions", total.transactionMs / 1000);
    counter("queries_duration_seconds_total", "Time in queries", total.queryMs / 1000);
    counter("client_wait_seconds_total", "Time that clients waited for a server", total.waitMs / 1000);
  }
}
