/**
 * The passwords that a cluster's roles have now: a restore in place keeps them, for clients have no others. Read from a
 * server of this host, by its socket: the primary, or a standby that streams from it.
 */
import type { KeptPasswords } from "../../../drivers/postgres/clone/cut-ties.ts";
import { withSession } from "../../../drivers/postgres/session/session.ts";
import type { ClusterRuntime } from "../../../agent/runtime.ts";
import type { MemberRecord } from "../../../domain/cluster.ts";
import { OpError } from "../../../errors/op-error.ts";
import { clusterOf, isHere, type Parts } from "../../parts.ts";
import { servingPrimary } from "../../status.ts";

const statementMs = 10_000;
const verifiersSql = "SELECT rolname, rolpassword FROM pg_catalog.pg_authid WHERE rolpassword IS NOT NULL";

/** Verifiers; undefined while there is no primary to ask: then the roles are without. */
export async function passwordsOf(parts: Parts, name: string): Promise<KeptPasswords | undefined> {
  const cluster = clusterOf(parts, name);
  if (!servingPrimary(cluster)) return undefined;
  const { id, port } = serverHere(parts, cluster);
  const target = { socketDirectory: cluster.members.get(id)?.socketDirectory ?? "", port };
  const options = { withinMs: statementMs, settings: { log_statement: "none" } };
  const rows = await withSession(target, options, (session) =>
    session.query(verifiersSql, [], { withinMs: statementMs }),
  );
  return new Map(rows.map((row) => [row["rolname"] ?? "", row["rolpassword"] ?? ""]));
}

/** @throws OpError no-primary when none is here that would know them */
function serverHere(parts: Parts, cluster: ClusterRuntime): MemberRecord {
  const found = Object.values(cluster.record.members).find(({ value: member }) => {
    const server = isHere(parts, member) ? cluster.members.get(member.id)?.server : undefined;
    return server?.kind === "running" && (server.role === "primary" || server.streaming);
  });
  if (found) return found.value;
  throw new OpError("no-primary", {
    message: `no server of "${cluster.name}" on this host knows the passwords of now`,
    detail: "Neither its primary nor a standby that streams is here.",
    hint: `See: matriarch explain ${cluster.name}. Try again when it is healthy.`,
  });
}
