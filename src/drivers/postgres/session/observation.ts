/**
 * What a running server says of itself, in one round trip a look (two for a standby whose receiver is not up). Called
 * by the observer. Only asks; fits majors 14 to 18.
 */
import { parseLsn, type Lsn } from "../../../domain/lsn.ts";
import type { StandbyStream } from "../../../domain/server.ts";
import type { Row, Session } from "./session.ts";

/** A row of the server's own word, still without what only the agent knows. */
export interface Observation {
  readonly isStandby: boolean;
  /** `18.4`, without what a distribution adds */
  readonly version: string;
  /** wall clock; undefined until a commit has been replayed */
  readonly startedAt: number;
  readonly replayedAt: number | undefined;
  readonly syncNames: string;
  readonly primaryConninfo: string;
  /** physical slots that can still be used */
  readonly slots: readonly string[];
  /** those of them that keep log, with nobody who reads from them now */
  readonly idleSlots: readonly string[];
  /** primary: timeline and end of its own log on disk */
  readonly timeline: number | undefined;
  readonly flushed: Lsn | undefined;
  /** primary: end of what has been made of the log, written or not */
  readonly inserted: Lsn | undefined;
  readonly standbys: readonly StandbyStream[];
  /** standby */
  readonly replayed: Lsn | undefined;
  readonly isReplayPaused: boolean;
  /** flushed by a receiver of this postmaster, at any time; undefined when there has been none */
  readonly received: Lsn | undefined;
  readonly receiver: Receiver | undefined;
}

export interface Receiver {
  readonly pid: number;
  readonly isStreaming: boolean;
  /** it has had at least one message from the upstream */
  readonly hasHeard: boolean;
  /** these two are taken together, under one lock */
  readonly flushed: Lsn;
  readonly timeline: number;
}

/**
 * The functions below the views, for the views join more than is wanted. On a primary `pg_walfile_name` names the
 * timeline that is written; during recovery it is an error, as is `pg_current_wal_flush_lsn`, hence the CASE.
 */
const observe = `
SELECT r.standby, c.version, c.names, c.conninfo,
  (pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()) * 1000)::bigint AS started,
  (pg_catalog.date_part('epoch', pg_catalog.pg_last_xact_replay_timestamp()) * 1000)::bigint AS replayed_at,
  CASE WHEN NOT r.standby THEN pg_catalog.pg_current_wal_flush_lsn()::text END AS flushed,
  CASE WHEN NOT r.standby THEN pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()) END AS segment,
  CASE WHEN NOT r.standby THEN pg_catalog.pg_current_wal_insert_lsn()::text END AS inserted,
  CASE WHEN r.standby THEN pg_catalog.pg_last_wal_replay_lsn()::text END AS replayed,
  CASE WHEN r.standby THEN pg_catalog.pg_is_wal_replay_paused() END AS paused,
  CASE WHEN r.standby THEN pg_catalog.pg_last_wal_receive_lsn()::text END AS received,
  w.pid AS receiver_pid, w.status AS receiver_status, w.flushed_lsn::text AS receiver_flushed,
  w.received_tli::text AS receiver_timeline,
  w.last_msg_send_time IS DISTINCT FROM w.last_msg_receipt_time AS receiver_heard,
  CASE WHEN NOT r.standby THEN (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
      a.application_name, s.state, s.sync_state, s.flush_lsn::text, s.replay_lsn::text))
    FROM pg_catalog.pg_stat_get_wal_senders() AS s, LATERAL pg_catalog.pg_stat_get_activity(s.pid) AS a) END AS standbys,
  (SELECT pg_catalog.string_agg(l.slot_name::text, ',') FROM pg_catalog.pg_get_replication_slots() AS l
    WHERE l.slot_type = 'physical' AND l.wal_status IS DISTINCT FROM 'lost') AS slots,
  (SELECT pg_catalog.string_agg(l.slot_name::text, ',') FROM pg_catalog.pg_get_replication_slots() AS l
    WHERE l.slot_type = 'physical' AND l.wal_status IS DISTINCT FROM 'lost'
      AND l.restart_lsn IS NOT NULL AND NOT l.active) AS idle_slots
FROM (SELECT pg_catalog.pg_is_in_recovery() AS standby OFFSET 0) AS r,
  (SELECT pg_catalog.current_setting('synchronous_standby_names') AS names,
    pg_catalog.current_setting('server_version') AS version,
    pg_catalog.current_setting('primary_conninfo') AS conninfo) AS c,
  pg_catalog.pg_stat_get_wal_receiver() AS w`;

export async function askServer(session: Session, withinMs: number): Promise<Observation> {
  const [row] = await session.query(observe, [], { withinMs, name: "matriarch_observe" });
  if (!row) throw new Error("the server gave no row");
  return {
    isStandby: row["standby"] === "t",
    version: (row["version"] ?? "").split(" ")[0] ?? "",
    startedAt: Number(row["started"]),
    replayedAt: row["replayed_at"] ? Number(row["replayed_at"]) : undefined,
    syncNames: row["names"] ?? "",
    primaryConninfo: row["conninfo"] ?? "",
    slots: namesIn(row["slots"]),
    idleSlots: namesIn(row["idle_slots"]),
    timeline: row["segment"] ? Number.parseInt(row["segment"].slice(0, 8), 16) : undefined,
    flushed: maybeLsn(row["flushed"]),
    inserted: maybeLsn(row["inserted"]),
    standbys: parseStandbys(row["standbys"]),
    replayed: maybeLsn(row["replayed"]),
    isReplayPaused: row["paused"] === "t",
    received: maybeLsn(row["received"]),
    receiver: parseReceiver(row),
  };
}

function namesIn(list: string | null | undefined): readonly string[] {
  return (list ?? "").split(",").filter((name) => name !== "");
}

function parseReceiver(row: Row): Receiver | undefined {
  if (!row["receiver_pid"] || !row["receiver_flushed"]) return undefined;
  return {
    pid: Number(row["receiver_pid"]),
    isStreaming: row["receiver_status"] === "streaming",
    hasHeard: row["receiver_heard"] === "t",
    flushed: parseLsn(row["receiver_flushed"]),
    timeline: Number(row["receiver_timeline"]),
  };
}

const states = { streaming: "streaming", catchup: "catchup", backup: "backup" } as const;

function parseStandbys(json: string | null | undefined): readonly StandbyStream[] {
  if (!json) return [];
  const rows: unknown = JSON.parse(json);
  if (!Array.isArray(rows)) return [];
  return rows.map((row: readonly unknown[]) => ({
    name: textOf(row[0]),
    state: stateOf(textOf(row[1])),
    isSync: row[2] === "sync" || row[2] === "quorum",
    flushed: maybeLsn(textOf(row[3])),
    replayed: maybeLsn(textOf(row[4])),
  }));
}

function stateOf(state: string): StandbyStream["state"] {
  return state === "streaming" || state === "catchup" || state === "backup" ? states[state] : "startup";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function maybeLsn(text: string | null | undefined): Lsn | undefined {
  return text ? parseLsn(text) : undefined;
}

/** The two processes that matter on a standby, and the segment size. */
export interface RecoveryProcesses {
  readonly startup: { readonly pid: number; readonly waitEvent: string } | undefined;
  readonly receiverPid: number | undefined;
  readonly segmentBytes: number;
}

const recoveryProcesses = `
SELECT a.pid, a.backend_type AS kind, a.wait_event,
  pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) AS segment_bytes
FROM pg_catalog.pg_stat_get_activity(NULL) AS a
RIGHT JOIN (SELECT 1) AS always ON a.backend_type IN ('startup', 'walreceiver')`;

export async function askRecoveryProcesses(session: Session, withinMs: number): Promise<RecoveryProcesses> {
  const rows = await session.query(recoveryProcesses, [], { withinMs, name: "matriarch_recovery" });
  const startup = rows.find((row) => row["kind"] === "startup");
  const receiver = rows.find((row) => row["kind"] === "walreceiver");
  return {
    startup: startup && { pid: Number(startup["pid"]), waitEvent: startup["wait_event"] ?? "" },
    receiverPid: receiver && Number(receiver["pid"]),
    segmentBytes: Number(rows[0]?.["segment_bytes"] ?? 0),
  };
}

/** As the server shows them, in their base units. */
export async function askSettings(
  session: Session,
  names: readonly string[],
  withinMs: number,
): Promise<Readonly<Record<string, string>>> {
  const sql = "SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY (pg_catalog.string_to_array($1, ','))";
  const rows = await session.query(sql, [names.join(",")], { withinMs });
  return Object.fromEntries(rows.map((row) => [row["name"] ?? "", row["setting"] ?? ""]));
}

const pendingRestart = `SELECT pg_catalog.count(*) AS n FROM pg_catalog.pg_settings WHERE pending_restart`;

/** Costs a millisecond or two of the server's time: not for every look. */
export async function askPendingRestart(session: Session, withinMs: number): Promise<boolean> {
  const [row] = await session.query(pendingRestart, [], { withinMs, name: "matriarch_pending" });
  return row?.["n"] !== "0";
}

/** Somebody waits for the log's device, or for one who does. Names differ in case between majors. */
const waitsForLog = `
SELECT pg_catalog.count(*) AS n FROM pg_catalog.pg_stat_get_activity(NULL) AS a
WHERE pg_catalog.lower(a.wait_event) IN ('walsync', 'walwrite', 'walinitsync', 'walinitwrite', 'walsyncmethodassign')`;

export async function askWaitsForLog(session: Session, withinMs: number): Promise<boolean> {
  const [row] = await session.query(waitsForLog, [], { withinMs, name: "matriarch_log_waits" });
  return row?.["n"] !== "0";
}
