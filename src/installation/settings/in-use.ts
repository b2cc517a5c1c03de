/** What the primary has of the things that settings count, for the rules that judge them. Called by plan.ts. */
import type { ClusterRuntime } from "../../agent/runtime.ts";
import type { MemberFacts } from "../../drivers/postgres/configuration/rules.ts";
import { withSession } from "../../drivers/postgres/session/session.ts";
import { servingPrimary } from "../status.ts";

const askMs = 5000;

const counts = `
SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_xacts) AS prepared,
  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend') AS clients,
  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots) AS slots`;

/** Nothing where there is no primary to ask: the rules that need it then have nothing to say. */
export async function inUseOn(cluster: ClusterRuntime): Promise<MemberFacts["inUse"]> {
  const primary = servingPrimary(cluster);
  const record = primary && cluster.record.members[primary.id]?.value;
  const none = { preparedTransactions: 0, connections: 0, slots: 0 };
  if (!primary || !record) return none;
  const target = { socketDirectory: primary.socketDirectory, port: record.port };
  const rows = await withSession(target, { withinMs: askMs }, (session) =>
    session.query(counts, [], { withinMs: askMs }),
  ).catch(() => []);
  const [row] = rows;
  if (!row) return none;
  return {
    preparedTransactions: Number(row["prepared"]),
    connections: Number(row["clients"]),
    slots: Number(row["slots"]),
  };
}
