/**
 * The target's side of a live import: one subscription, which holds how its source is reached, so that any host's agent
 * can look at it, end it, and leave the source clean. Called by installation/imports. Commits of what it applies wait
 * for the voters: what the source was told has arrived survives a failover.
 */
import { z } from "zod";
import { identifier, literal } from "../session/quote.ts";
import { withSession, type Row, type SessionTarget } from "../session/session.ts";
import { gatePath } from "../server/import-gates.ts";
import { conninfoWithPassfile, conninfoWithPassword, type SourceServer } from "./source.ts";

/** It may have to wait for the source, and for the voters. */
const statementMs = 120_000;

/** A statement with the password in it is written down nowhere. */
const settings = {
  "synchronous_commit": "on",
  "log_statement": "none",
  "log_min_error_statement": "panic",
  "log_min_duration_statement": "-1",
  "client_min_messages": "error",
  "pg_stat_statements.track": "none",
};

export interface Place {
  readonly target: SessionTarget;
  readonly database: string;
}

export function run({ target, database }: Place, ...statements: readonly string[]): Promise<readonly Row[]> {
  return withSession(target, { withinMs: 10_000, settings, database }, async (session) => {
    let rows: readonly Row[] = [];
    for (const sql of statements) rows = await session.query(sql, [], { withinMs: statementMs });
    return rows;
  });
}

/** Beside the one that follows: never enabled, it only keeps how the source is reached. */
function keeperOf(name: string): string {
  return `${name}_source`;
}

/** Touches no source yet: from here on it is known how to reach it. */
export async function recordSubscription(
  place: Place,
  { name, major, server }: { readonly name: string; readonly major: number; readonly server: SourceServer },
): Promise<void> {
  const options = ["connect = false", `slot_name = ${identifier(name)}`, "synchronous_commit = 'on'"];
  if (major >= 16) options.push("run_as_owner = true");
  await run(
    place,
    `CREATE SUBSCRIPTION ${identifier(keeperOf(name))} CONNECTION ${literal(conninfoWithPassword(server))}
       PUBLICATION ${identifier(name)} WITH (connect = false, slot_name = NONE)`,
    `CREATE SUBSCRIPTION ${identifier(name)} CONNECTION ${literal(conninfoWithPassfile(server, gatePath(name)))}
       PUBLICATION ${identifier(name)} WITH (${options.join(", ")})`,
  );
}

/** Publication and slot are there: copies every table, and follows. */
export async function beginFollowing(place: Place, name: string): Promise<void> {
  const subscription = `ALTER SUBSCRIPTION ${identifier(name)}`;
  await run(place, `${subscription} ENABLE`, `${subscription} REFRESH PUBLICATION WITH (copy_data = true)`);
}

/** It follows no more; how the source is reached is still known. Safe to repeat. */
export async function dropFollower(place: Place, name: string): Promise<void> {
  const [there] = await run(place, `SELECT 1 FROM pg_catalog.pg_subscription WHERE subname = ${literal(name)}`);
  const subscription = `ALTER SUBSCRIPTION ${identifier(name)}`;
  if (there) {
    await run(
      place,
      `${subscription} DISABLE`,
      `${subscription} SET (slot_name = NONE)`,
      `DROP SUBSCRIPTION ${identifier(name)}`,
    );
  }
}

/** Last of all: what is left at the source can be taken away only as long as it is there. Safe to repeat. */
export async function dropKeeper(place: Place, name: string): Promise<void> {
  await run(place, `DROP SUBSCRIPTION IF EXISTS ${identifier(keeperOf(name))}`);
}

const connectionSql = (name: string): string =>
  `SELECT k.subconninfo AS conninfo, s.oid FROM pg_catalog.pg_subscription k
   LEFT JOIN pg_catalog.pg_subscription s ON s.subname = ${literal(name)} WHERE k.subname = ${literal(keeperOf(name))}`;

export interface Subscribed {
  readonly oid: string;
  readonly server: SourceServer;
}

/** Any member knows it, a standby too. Undefined: there is no such subscription. */
export async function readSubscription(target: SessionTarget, name: string): Promise<Subscribed | undefined> {
  const [row] = await run({ target, database: "postgres" }, connectionSql(name));
  return row ? { oid: row["oid"] ?? "", server: parseConninfo(row["conninfo"] ?? "") } : undefined;
}

const numberText = z.coerce.number().int();

/** As conninfoWithPassword wrote it. */
export function parseConninfo(text: string): SourceServer {
  const said = new Map<string, string>();
  for (const [, name = "", value = ""] of text.matchAll(/(\w+)='((?:[^'\\]|\\.)*)'/gs))
    said.set(name, value.replaceAll(/\\(.)/gs, "$1"));
  const take = (name: string): string => {
    const value = said.get(name) ?? "";
    said.delete(name);
    return value;
  };
  const server = {
    host: take("host"),
    port: numberText.parse(take("port")),
    user: take("user"),
    password: take("password"),
    database: take("dbname"),
  };
  take("connect_timeout");
  return { ...server, parameters: Object.fromEntries(said) };
}

/** Up to where this server has everything that the source wrote: what it applied, or told the source. */
export async function readProgress(place: Place, name: string): Promise<string | undefined> {
  const [row] = await run(
    place,
    `SELECT GREATEST(pg_catalog.pg_replication_origin_progress('pg_' || s.oid, true), t.latest_end_lsn)::text AS lsn
     FROM pg_catalog.pg_subscription s LEFT JOIN pg_catalog.pg_stat_subscription t ON t.subid = s.oid AND t.relid IS NULL
     WHERE s.subname = ${literal(name)}`,
  );
  return row?.["lsn"] ?? undefined;
}

/** Returns once the voters have everything that this server had before. */
export async function passQuorum(place: Place): Promise<void> {
  await run(place, "SELECT pg_catalog.pg_logical_emit_message(true, 'matriarch', '')");
}

/** Tables whose copy has ended and whose first changes had not: those cannot be told after a failover. */
export async function halfCopied(place: Place, name: string): Promise<readonly string[]> {
  const rows = await run(
    place,
    `SELECT r.srrelid::pg_catalog.regclass::text AS name FROM pg_catalog.pg_subscription_rel r
     JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid WHERE s.subname = ${literal(name)} AND r.srsubstate = 'f'`,
  );
  return rows.flatMap((row) => row["name"] ?? []);
}

export interface Following {
  readonly total: number;
  readonly copied: number;
  /** names of those that are not */
  readonly copying: readonly string[];
  readonly isEnabled: boolean;
  readonly isRunning: boolean;
}

export async function lookAtFollowing(place: Place, name: string): Promise<Following | undefined> {
  const [row] = await run(
    place,
    `SELECT s.subenabled AS enabled,
       EXISTS (SELECT FROM pg_catalog.pg_stat_subscription t WHERE t.subid = s.oid AND t.relid IS NULL AND t.pid IS NOT NULL) AS running,
       (SELECT count(*) FROM pg_catalog.pg_subscription_rel r WHERE r.srsubid = s.oid) AS total,
       (SELECT count(*) FROM pg_catalog.pg_subscription_rel r WHERE r.srsubid = s.oid AND r.srsubstate IN ('r', 's')) AS copied,
       (SELECT pg_catalog.json_agg(CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname ORDER BY c.relname)
        FROM pg_catalog.pg_subscription_rel r JOIN pg_catalog.pg_class c ON c.oid = r.srrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE r.srsubid = s.oid AND r.srsubstate NOT IN ('r', 's')) AS copying
     FROM pg_catalog.pg_subscription s WHERE s.subname = ${literal(name)}`,
  );
  if (!row) return undefined;
  const copying: unknown = JSON.parse(row["copying"] ?? "[]");
  return {
    total: Number(row["total"]),
    copied: Number(row["copied"]),
    copying: Array.isArray(copying) ? copying.map(String) : [],
    isEnabled: row["enabled"] === "t",
    isRunning: row["running"] === "t",
  };
}
