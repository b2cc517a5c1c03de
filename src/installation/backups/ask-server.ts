/** A statement for a server of this host, over its socket. */
import { Session, type Row } from "../../drivers/postgres/session/session.ts";
import type { Parts } from "../parts.ts";

export async function askServer(
  { servers }: Pick<Parts, "servers">,
  { id, port }: { readonly id: string; readonly port: number },
  sql: string,
  withinMs: number,
): Promise<readonly Row[]> {
  const session = await Session.open({ socketDirectory: servers.socketDirectory(id), port }, { withinMs });
  try {
    return await session.query(sql, [], { withinMs });
  } finally {
    session.destroy();
  }
}
