/**
 * Who uses a server besides this installation itself: asked for with every look at a cluster that falls asleep without
 * clients. Called by the observer. Fits majors 14 to 18.
 */
import type { ClientCount } from "../../../domain/server.ts";
import type { Session } from "./session.ts";

/**
 * Sessions of clients, whatever they do, also for replication; subscriptions, whether or not their source answers now; and
 * background workers of extensions (a job of pg_cron) once a transaction of theirs has lasted. Not counted: this installation's own
 * roles, and the server's own processes. `served` is the servers' own count of sessions, ours among them: we begin none
 * while nothing happens.
 */
const clients = `
SELECT (
  SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_get_activity(NULL) AS a
  WHERE CASE
    WHEN a.backend_type IN ('client backend', 'walsender')
      THEN a.usesysid IS NULL OR pg_catalog.pg_get_userbyid(a.usesysid) NOT IN ('matriarch', 'matriarch_replication')
    WHEN a.backend_type IN ('autovacuum launcher', 'autovacuum worker', 'startup', 'walreceiver', 'parallel worker')
      THEN false
    ELSE a.xact_start < pg_catalog.clock_timestamp() - interval '5 seconds' END
) + (
  SELECT pg_catalog.count(*) FROM pg_catalog.pg_subscription AS s WHERE s.subenabled
) AS connected, (
  SELECT pg_catalog.sum(pg_catalog.pg_stat_get_db_sessions(d.oid)) FROM pg_catalog.pg_database AS d
) AS served`;

export async function askClients(session: Session, withinMs: number): Promise<ClientCount> {
  const [row] = await session.query(clients, [], { withinMs, name: "matriarch_clients" });
  if (!row) throw new Error("the server gave no row");
  return { connected: Number(row["connected"]), served: Number(row["served"]) };
}
