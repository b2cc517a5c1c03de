/**
 * Cuts what ties a copy to its past, in its server that runs alone: slots, passwords, subscriptions. Called by `revive`.
 */
import { identifier, literal } from "../session/quote.ts";
import type { Session } from "../session/session.ts";
import type { Open } from "./quiet-server.ts";

const askMs = 60_000;
/** All databases share the list of subscriptions, so that those without any need no session. */
const withSubscriptions = `SELECT DISTINCT d.datname AS it
FROM pg_catalog.pg_subscription AS s JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid
WHERE d.datallowconn ORDER BY 1`;

/** Verifiers by role, as the server keeps them: what the roles of the copy have from now on. */
export type KeptPasswords = ReadonlyMap<string, string>;

export interface Cut {
  /** of the newest transaction that came with the log; undefined when none did */
  readonly newestCommit: string | undefined;
  /** roles that could log in by a password and cannot any more */
  readonly withoutPassword: readonly string[];
  /** subscriptions that were cut off from where they came from */
  readonly subscriptions: readonly string[];
}

/** @param kept passwords that stay; undefined: none does */
export async function cutTies(open: Open, kept: KeptPasswords = new Map()): Promise<Cut> {
  const session = await open("postgres");
  try {
    const ask = async (sql: string): Promise<readonly string[]> =>
      (await session.query(sql, [], { withinMs: askMs })).map((row) => row["it"] ?? "");
    const slots = "SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_get_replication_slots()";
    await session.query(slots, [], { withinMs: askMs });
    const withoutPassword = await cutPasswords(session, kept);
    const [newest = ""] = await ask("SELECT pg_catalog.pg_last_xact_replay_timestamp()::text AS it");
    const databases = await ask(withSubscriptions);
    const subscriptions: string[] = [];
    for (const database of databases) subscriptions.push(...(await cutSubscriptions(open, database)));
    return { newestCommit: newest === "" ? undefined : newest, withoutPassword, subscriptions };
  } finally {
    await session.close();
  }
}

async function cutPasswords(session: Session, kept: KeptPasswords): Promise<readonly string[]> {
  const sql = "SELECT rolname, rolpassword IS NOT NULL AS had FROM pg_catalog.pg_authid ORDER BY 1";
  const without: string[] = [];
  for (const row of await session.query(sql, [], { withinMs: askMs })) {
    const role = row["rolname"] ?? "";
    const verifier = kept.get(role);
    if (verifier === undefined && row["had"] !== "t") continue;
    const password = verifier === undefined ? "NULL" : literal(verifier);
    await session.query(`ALTER ROLE ${identifier(role)} PASSWORD ${password}`, [], { withinMs: askMs });
    if (verifier === undefined) without.push(role);
  }
  return without;
}

/** Two that fetch from one slot take from each other; without a slot's name a drop needs nobody at the other end. */
async function cutSubscriptions(open: Open, database: string): Promise<readonly string[]> {
  const session = await open(database);
  try {
    const own =
      "SELECT s.subname FROM pg_catalog.pg_subscription AS s JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid WHERE d.datname = $1";
    const names = (await session.query(own, [database], { withinMs: askMs })).map((row) => row["subname"] ?? "");
    for (const name of names) {
      await session.query(`ALTER SUBSCRIPTION ${identifier(name)} DISABLE`, [], { withinMs: askMs });
      await session.query(`ALTER SUBSCRIPTION ${identifier(name)} SET (slot_name = NONE)`, [], { withinMs: askMs });
    }
    return names;
  } finally {
    await session.close();
  }
}
