/** The passwords that a cluster's roles have now: a restore in place keeps them, for clients have no others. */
import type { KeptPasswords } from "../../../drivers/postgres/clone/cut-ties.ts";
import { withSession } from "../../../drivers/postgres/session/session.ts";
import { clusterOf, type Parts } from "../../parts.ts";
import { servingPrimary } from "../../status.ts";

const statementMs = 10_000;
const verifiersSql = "SELECT rolname, rolpassword FROM pg_catalog.pg_authid WHERE rolpassword IS NOT NULL";

/** Verifiers; undefined while there is no primary to ask: then the roles are without. */
export async function passwordsOf(parts: Parts, name: string): Promise<KeptPasswords | undefined> {
  const cluster = clusterOf(parts, name);
  const primary = servingPrimary(cluster);
  const record = primary && cluster.record.members[primary.id]?.value;
  if (!primary || !record) return undefined;
  const target = { socketDirectory: primary.socketDirectory, port: record.port };
  const options = { withinMs: statementMs, settings: { log_statement: "none" } };
  const rows = await withSession(target, options, (session) =>
    session.query(verifiersSql, [], { withinMs: statementMs }),
  );
  return new Map(rows.map((row) => [row["rolname"] ?? "", row["rolpassword"] ?? ""]));
}
