/**
 * What is asked of a server for its figures: one statement for what is quick, one for what reads files, each a JSON
 * object with a list of rows for each part. Called by ask.ts. Nothing is asked by table: with ten thousand of them an
 * answer is as small as with ten. Fits majors 14 to 18; on a standby what needs a primary is null.
 */

/** More databases than this are left out, the oldest first; how many is said in `totals`. */
const databasesMax = 100;

const databases = `(SELECT oid, datname FROM pg_catalog.pg_database
  WHERE datallowconn AND NOT datistemplate ORDER BY oid LIMIT ${databasesMax})`;

const walNow = `CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
  ELSE pg_catalog.pg_current_wal_lsn() END`;

const epoch = (value: string): string => `pg_catalog.date_part('epoch', ${value})`;

const server = `SELECT pg_catalog.current_setting('server_version') AS version,
  pg_catalog.current_setting('server_version_num')::int AS version_num,
  pg_catalog.pg_is_in_recovery() AS is_replica,
  ${epoch("pg_catalog.pg_postmaster_start_time()")} AS started,
  pg_catalog.pg_wal_lsn_diff(${walNow}, '0/0') AS wal,
  pg_catalog.pg_wal_lsn_diff(coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()), '0/0') AS received,
  ${epoch("pg_catalog.pg_last_xact_replay_timestamp()")} AS replayed_at,
  CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN 0
    WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0
    ELSE greatest(0, ${epoch("pg_catalog.now() - pg_catalog.pg_last_xact_replay_timestamp()")}) END AS lag,
  CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused() ELSE false END AS paused`;

const activity = `SELECT d.datname, s.state,
  pg_catalog.count(a.pid) AS count,
  coalesce(max(${epoch("pg_catalog.now() - a.xact_start")}), 0) AS max_tx_duration,
  coalesce(max(CASE WHEN s.state = 'active' THEN ${epoch("pg_catalog.now() - a.query_start")} END), 0) AS max_query_duration
FROM ${databases} AS d
CROSS JOIN (VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'),
  ('fastpath function call'), ('disabled')) AS s (state)
LEFT JOIN pg_catalog.pg_stat_activity AS a
  ON a.datid = d.oid AND a.state = s.state AND a.backend_type = 'client backend'
GROUP BY d.datname, s.state`;

const locks = `SELECT d.datname, m.mode, pg_catalog.count(l.mode) AS count
FROM ${databases} AS d
CROSS JOIN (VALUES ('accesssharelock'), ('rowsharelock'), ('rowexclusivelock'), ('shareupdateexclusivelock'),
  ('sharelock'), ('sharerowexclusivelock'), ('exclusivelock'), ('accessexclusivelock'), ('sireadlock')) AS m (mode)
LEFT JOIN pg_catalog.pg_locks AS l ON l.database = d.oid AND pg_catalog.lower(l.mode) = m.mode
GROUP BY d.datname, m.mode`;

const waiting = `SELECT pg_catalog.count(*) AS waiters,
  coalesce(max(${epoch("pg_catalog.now() - a.query_start")}), 0) AS longest
FROM pg_catalog.pg_stat_activity AS a WHERE a.wait_event_type = 'Lock'`;

const horizon = `SELECT pg_catalog.count(*) AS transactions,
  coalesce(min(${epoch("a.xact_start")}), 0) AS oldest_timestamp,
  coalesce(max(${epoch("pg_catalog.now() - a.xact_start")}), 0) AS oldest_age,
  coalesce(max(pg_catalog.age(a.backend_xmin)), 0) AS xmin_age
FROM pg_catalog.pg_stat_activity AS a
WHERE a.backend_type = 'client backend' AND a.xact_start < pg_catalog.now() - interval '1 minute'
  AND a.state IN ('active', 'idle in transaction')`;

const age = `SELECT d.datname, pg_catalog.age(d.datfrozenxid) AS xid, pg_catalog.mxid_age(d.datminmxid) AS mxid, d.datconnlimit
FROM pg_catalog.pg_database AS d WHERE d.oid IN (SELECT oid FROM ${databases} AS known)`;

const database = `SELECT s.*, s.datid::text AS datid, ${epoch("s.stats_reset")} AS stats_reset
FROM pg_catalog.pg_stat_database AS s WHERE s.datid IN (SELECT oid FROM ${databases} AS known)`;

const conflicts = `SELECT c.* FROM pg_catalog.pg_stat_database_conflicts AS c
WHERE c.datid IN (SELECT oid FROM ${databases} AS known)`;

const archiver = `SELECT a.archived_count, a.failed_count,
  ${epoch("pg_catalog.now() - a.last_archived_time")} AS last_archive_age,
  ${epoch("a.last_failed_time")} AS last_failed_time, ${epoch("a.last_archived_time")} AS last_archived_time
FROM pg_catalog.pg_stat_archiver AS a`;

const replication = `SELECT r.application_name, coalesce(pg_catalog.host(r.client_addr), '') AS client_addr, r.state,
  coalesce(s.slot_name, '') AS slot_name,
  pg_catalog.pg_wal_lsn_diff(${walNow}, r.replay_lsn) AS pg_wal_lsn_diff,
  pg_catalog.pg_wal_lsn_diff(${walNow}, r.flush_lsn) AS pg_wal_lsn_flush_diff,
  pg_catalog.pg_wal_lsn_diff(${walNow}, '0/0') AS pg_current_wal_lsn_bytes,
  ${epoch("r.reply_time")} AS reply_time,
  ${epoch("r.write_lag")} AS write_lag, ${epoch("r.flush_lag")} AS flush_lag, ${epoch("r.replay_lag")} AS replay_lag
FROM pg_catalog.pg_stat_replication AS r
LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.active_pid = r.pid`;

const slots = `SELECT s.slot_name, s.slot_type, coalesce(s.database, '') AS database, coalesce(s.plugin, '') AS plugin,
  s.active, s.wal_status, s.safe_wal_size,
  pg_catalog.pg_wal_lsn_diff(${walNow}, s.restart_lsn) AS pg_wal_lsn_diff,
  pg_catalog.pg_wal_lsn_diff(s.confirmed_flush_lsn, '0/0') AS confirmed_flush_lsn,
  pg_catalog.pg_wal_lsn_diff(${walNow}, '0/0') AS current_wal_lsn
FROM pg_catalog.pg_replication_slots AS s ORDER BY s.slot_name LIMIT 200`;

const receiver = `SELECT coalesce(w.slot_name, '') AS slot_name, w.status, w.sender_host AS upstream_host,
  pg_catalog.pg_wal_lsn_diff(w.receive_start_lsn, '0/0') AS receive_start_lsn, w.receive_start_tli,
  pg_catalog.pg_wal_lsn_diff(w.flushed_lsn, '0/0') AS flushed_lsn, w.received_tli,
  ${epoch("w.last_msg_send_time")} AS last_msg_send_time, ${epoch("w.last_msg_receipt_time")} AS last_msg_receipt_time,
  pg_catalog.pg_wal_lsn_diff(w.latest_end_lsn, '0/0') AS latest_end_lsn, ${epoch("w.latest_end_time")} AS latest_end_time
FROM pg_catalog.pg_stat_wal_receiver AS w`;

/** From 17 on what backends write themselves stands in another view. */
const backendWrites = `SELECT pg_catalog.sum(i.writes) AS buffers_backend, pg_catalog.sum(i.fsyncs) AS buffers_backend_fsync
FROM pg_catalog.pg_stat_io AS i WHERE i.backend_type NOT IN ('checkpointer', 'background writer') AND i.object = 'relation'`;

const totals = `SELECT pg_catalog.count(*) AS databases,
  greatest(0, pg_catalog.count(*) - ${databasesMax}) AS databases_omitted
FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate`;

export type PartName =
  | "server"
  | "activity"
  | "locks"
  | "waiting"
  | "horizon"
  | "age"
  | "database"
  | "conflicts"
  | "archiver"
  | "replication"
  | "slots"
  | "receiver"
  | "bgwriter"
  | "checkpointer"
  | "backendWrites"
  | "totals"
  | "settings"
  | "size"
  | "wal"
  | "statements";

type Parts = Readonly<Partial<Record<PartName, string>>>;

export function quickParts(major: number): Parts {
  return {
    server,
    activity,
    locks,
    waiting,
    horizon,
    age,
    database,
    conflicts,
    archiver,
    replication,
    slots,
    receiver,
    bgwriter: `SELECT b.*, ${epoch("b.stats_reset")} AS stats_reset FROM pg_catalog.pg_stat_bgwriter AS b`,
    ...(major >= 17
      ? {
          checkpointer: `SELECT c.*, ${epoch("c.stats_reset")} AS stats_reset FROM pg_catalog.pg_stat_checkpointer AS c`,
          backendWrites,
        }
      : {}),
    totals,
  };
}

/** Reads directories, or changes once in a while: asked now and then. */
export const slowParts: Parts = {
  settings: `SELECT name, setting, unit, vartype FROM pg_catalog.pg_settings
    WHERE vartype IN ('bool', 'integer', 'real') AND name !~ '[.]'`,
  size: `SELECT datname, pg_catalog.pg_database_size(oid) AS size FROM ${databases} AS known`,
  wal: `SELECT pg_catalog.count(*) AS segments, coalesce(pg_catalog.sum(size), 0) AS size_bytes FROM pg_catalog.pg_ls_waldir()`,
};

export function statementOf(parts: Parts): string {
  const rows = Object.entries(parts).map(
    ([name, sql]) =>
      `'${name}', (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(part)), '[]') FROM (${sql}) AS part)`,
  );
  return `SELECT pg_catalog.jsonb_build_object(${rows.join(",\n")})::text AS figures`;
}
