/** The first password of a cluster that is being made; all others are in accounts/. It comes here as a verifier. */
import { identifier, literal } from "../drivers/postgres/session/quote.ts";
import { withSession, type SessionTarget } from "../drivers/postgres/session/session.ts";
import { OpError } from "../errors/op-error.ts";
import { clusterOf, type Parts } from "./parts.ts";
import { servingPrimary } from "./status.ts";

const statementMs = 10_000;

/** The user's own superuser, made with the cluster. */
export const firstUser = "postgres";

/** @param verifier of scramVerifier, never a password */
export async function setPassword(parts: Parts, cluster: string, user: string, verifier: string): Promise<void> {
  const target = primarySession(parts, cluster);
  // Acknowledged by the voters like any other write: a password must survive the next failover.
  const options = { withinMs: statementMs, settings: { synchronous_commit: "on", log_statement: "none" } };
  await withSession(target, options, async (session) => {
    const found = await session.query("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", [user], {
      withinMs: statementMs,
    });
    if (found.length === 0)
      throw new OpError("user-not-found", { message: `user "${user}" does not exist in cluster "${cluster}"` });
    const sql = `ALTER ROLE ${identifier(user)} PASSWORD ${literal(verifier)}`;
    await session.query(sql, [], { withinMs: statementMs });
  });
  await parts.pools.usersChanged(cluster);
}

function primarySession(parts: Parts, name: string): SessionTarget {
  const cluster = clusterOf(parts, name);
  const primary = servingPrimary(cluster);
  const record = primary && cluster.record.members[primary.id]?.value;
  if (!primary || !record)
    throw new OpError("no-primary", {
      message: `cluster "${name}" has no primary now`,
      hint: `See: matriarch explain ${name}`,
    });
  return { socketDirectory: primary.socketDirectory, port: record.port };
}
