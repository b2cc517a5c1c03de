/**
 * The source's side of a live import: a publication, a slot and, where tables have no key, their replica identity. All
 * under one name, which says whom it is for. Called by installation/imports. Everything can be repeated, and taken back.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { identifier, literal } from "../session/quote.ts";
import { quoted, type SourceTable } from "./look.ts";
import type { SourceSession } from "./source.ts";

/** The slot begins once every transaction of that moment has ended. */
const slotMs = 300_000;
const inactiveMs = 10_000;
const lookMs = 100;

/** @param identities tables, quoted */
export async function publish(
  session: SourceSession,
  name: string,
  tables: readonly SourceTable[],
  identities: readonly string[],
): Promise<void> {
  for (const table of identities) await session.rows(`ALTER TABLE ${table} REPLICA IDENTITY FULL`);
  const list = tables.filter((table) => !table.isUnlogged).map(quoted);
  const what = list.length === 0 ? "" : ` FOR TABLE ONLY ${list.join(", ONLY ")}`;
  await session.rows(`CREATE PUBLICATION ${identifier(name)}${what}`);
  await session.rows(`SELECT pg_create_logical_replication_slot(${literal(anchorOf(name))}, 'pgoutput')`, [], slotMs);
  await resetSlot(session, name);
}

/** A second slot, which stays behind at what the voters have: from there a new primary is given everything again. */
function anchorOf(name: string): string {
  return `${name}_safe`;
}

/**
 * The slot begins again at the safe one. A server that died may have told the source of more than survived it; what
 * the new one has already, it skips by itself.
 */
export async function resetSlot(session: SourceSession, name: string): Promise<void> {
  await dropSlots(session, `slot_name = ${literal(name)}`);
  await session.rows(`SELECT pg_copy_logical_replication_slot(${literal(anchorOf(name))}, ${literal(name)})`);
}

/** @param lsn up to where the voters have everything */
export async function advanceSafeSlot(session: SourceSession, name: string, lsn: string): Promise<void> {
  await session.rows(
    `SELECT pg_replication_slot_advance(slot_name, LEAST($2::pg_lsn, pg_current_wal_flush_lsn()))
     FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn < LEAST($2::pg_lsn, pg_current_wal_flush_lsn())`,
    [anchorOf(name), lsn],
    slotMs,
  );
}

/** @param subscription oid of the target's, whose tables' own slots may be left */
export async function unpublish(
  session: SourceSession,
  name: string,
  identities: readonly string[],
  subscription: string | undefined,
): Promise<void> {
  const ofTables = subscription === undefined ? "" : ` OR slot_name LIKE 'pg\\_${Number(subscription)}\\_sync\\_%'`;
  await dropSlots(session, `slot_name IN (${literal(name)}, ${literal(anchorOf(name))})${ofTables}`);
  await session.rows(`DROP PUBLICATION IF EXISTS ${identifier(name)}`);
  for (const table of identities) await session.rows(`ALTER TABLE IF EXISTS ${table} REPLICA IDENTITY DEFAULT`);
}

/** Who still reads from one is told to end: a subscription that is gone, or a server that is no primary any more. */
async function dropSlots(session: SourceSession, which: string): Promise<void> {
  const until = performance.now() + inactiveMs;
  for (;;) {
    const slots = await session.rows(
      `SELECT slot_name AS name, active_pid AS pid FROM pg_replication_slots WHERE (${which}) AND database = current_database()`,
    );
    if (slots.length === 0) return;
    for (const { name: slot, pid } of slots) {
      if (pid === null || performance.now() > until)
        await session.rows(`SELECT pg_drop_replication_slot(${literal(slot ?? "")})`);
      else await session.rows("SELECT pg_terminate_backend($1)", [pid ?? ""]).catch(() => undefined);
    }
    // Before its reader, which comes back ten times a second, has it again.
    await sleep(2);
  }
}

/** What a person types at the source when this cannot. */
export function unpublishByHand(name: string, identities: readonly string[]): string {
  return [
    ...[name, anchorOf(name)].map((slot) => `SELECT pg_drop_replication_slot(${literal(slot)});`),
    `DROP PUBLICATION IF EXISTS ${identifier(name)};`,
    ...identities.map((table) => `ALTER TABLE ${table} REPLICA IDENTITY DEFAULT;`),
  ].join(" ");
}

export interface Lag {
  readonly bytes: number;
  readonly seconds: number;
}

/** @returns undefined when the slot is not there */
export async function readLag(session: SourceSession, name: string): Promise<Lag | undefined> {
  const [row] = await session.rows(
    `SELECT GREATEST(pg_current_wal_insert_lsn() - s.confirmed_flush_lsn, 0) AS bytes,
       COALESCE(extract(epoch FROM r.flush_lag), 0) AS seconds
     FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid WHERE s.slot_name = $1`,
    [name],
  );
  return row && { bytes: Number(row["bytes"]), seconds: Math.round(Number(row["seconds"]) * 10) / 10 };
}

/** Position that everything written so far is before. */
export async function endOfLog(session: SourceSession): Promise<string> {
  const [row] = await session.rows("SELECT pg_current_wal_insert_lsn()::text AS lsn");
  return row?.["lsn"] ?? "";
}

export async function hasArrived(session: SourceSession, name: string, lsn: string): Promise<boolean> {
  const [row] = await session.rows(
    "SELECT confirmed_flush_lsn >= $2::pg_lsn AS arrived FROM pg_replication_slots WHERE slot_name = $1",
    [name, lsn],
  );
  return row?.["arrived"] === "t";
}

/** Rows written so far, and transactions that write now. The counters are a second late. */
export async function readWrites(session: SourceSession): Promise<{ readonly rows: string; readonly open: number }> {
  const [row] = await session.rows(
    `SELECT (SELECT COALESCE(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables) AS rows,
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL
         AND pid <> pg_backend_pid()) AS open`,
  );
  return { rows: row?.["rows"] ?? "", open: Number(row?.["open"]) };
}

/** New sessions write nothing, and those that were there are ended. */
export async function lockWrites(session: SourceSession, database: string): Promise<void> {
  await session.rows(`ALTER DATABASE ${identifier(database)} SET default_transaction_read_only = on`);
  for (let round = 0; round < 3; round += 1) {
    const ended = await session.rows(
      `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
         AND application_name <> 'matriarch import'`,
    );
    if (ended.length === 0) return;
    await sleep(lookMs);
  }
}

export async function unlockWrites(session: SourceSession, database: string): Promise<void> {
  await session.rows(`ALTER DATABASE ${identifier(database)} RESET default_transaction_read_only`);
}

/** What a person types at the source for that: a session of the database itself could not change it otherwise. */
export function openByHand(database: string): string {
  return `BEGIN READ WRITE; ALTER DATABASE ${identifier(database)} RESET default_transaction_read_only; COMMIT;`;
}

export interface SequenceValue {
  readonly name: string;
  readonly value: string;
  readonly isCalled: boolean;
}

/** A hundred at a time: each is a relation of its own. */
const sequencesAtOnce = 100;

export async function readSequences(session: SourceSession): Promise<readonly SequenceValue[]> {
  const found = await session.rows(
    `SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'S' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'
       AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')
     ORDER BY 1, 2`,
  );
  const names = found.map((row) => quoted({ schema: row["schema"] ?? "", name: row["name"] ?? "" }));
  const values: SequenceValue[] = [];
  for (let at = 0; at < names.length; at += sequencesAtOnce) {
    const some = names.slice(at, at + sequencesAtOnce);
    const sql = some.map(
      (name) => `SELECT ${literal(name)} AS name, last_value AS value, is_called AS called FROM ${name}`,
    );
    for (const row of await session.rows(sql.join(" UNION ALL ")))
      values.push({ name: row["name"] ?? "", value: row["value"] ?? "", isCalled: row["called"] === "t" });
  }
  return values;
}
