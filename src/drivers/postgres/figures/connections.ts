/** How many sessions a server has and may have. Called by ask.ts for the checks of a member. */
import type { Session } from "../session/session.ts";

export interface Connections {
  readonly used: number;
  /** for superusers and, from 16 on, for the role pg_use_reserved_connections */
  readonly reserved: number;
  readonly most: number;
}

const connections = `
SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend') AS used,
  pg_catalog.current_setting('superuser_reserved_connections')::int
    + coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0) AS reserved,
  pg_catalog.current_setting('max_connections') AS most`;

/** @throws OpError server-unresponsive */
export async function askConnections(session: Session, withinMs: number): Promise<Connections> {
  const [row] = await session.query(connections, [], { withinMs });
  return { used: Number(row?.["used"]), reserved: Number(row?.["reserved"]), most: Number(row?.["most"]) };
}
