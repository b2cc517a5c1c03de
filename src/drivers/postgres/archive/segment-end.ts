/**
 * Before a server that archives is stopped in order: its log is brought close to the end of the current segment. Such a server
 * ends its segment when it stops, and fills the rest with zeros that every standby must receive first: up to 16 MB
 * within the pause of a switchover (measured: it was half as long again). Written before, while clients go on, they
 * cost nobody a pause. Source: ShutdownXLOG() and, for the segment after it, PreallocXlogFiles() in xlog.c, Postgres 15
 * to 18.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Session } from "../session/session.ts";

/** What is left for those who write meanwhile; more of it is padding, less and they may cross the end. */
const leftBytes = 2 ** 18;

const room = `
SELECT s.bytes - pg_catalog.mod(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0'), s.bytes) AS room,
  pg_catalog.current_setting('archive_mode') AS mode
FROM (SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) AS bytes) AS s
WHERE NOT pg_catalog.pg_is_in_recovery()`;

/** Nobody reads it: a message that belongs to no transaction, of zeros, which take little room in an archive. */
const filler =
  "SELECT pg_catalog.pg_logical_emit_message(false, 'matriarch', pg_catalog.decode(pg_catalog.repeat('00', $1::int), 'hex'))";
/** Within a transaction: its commit brings what was written before it to the disk. */
const flush = "SELECT pg_catalog.pg_logical_emit_message(true, 'matriarch', '') AS lsn";

/** Standbys that stream and have not brought to their disks what has been written so far. */
const behind = `
SELECT pg_catalog.count(*) AS n FROM pg_catalog.pg_stat_get_wal_senders() AS s
WHERE s.state = 'streaming' AND s.flush_lsn < $1::pg_catalog.pg_lsn`;
const catchUpMs = 2000;
const pollMs = 10;

/** @returns whether anything was written */
export async function approachSegmentEnd(session: Session, withinMs: number): Promise<boolean> {
  const [row] = await session.query(room, [], { withinMs });
  const bytes = Math.floor(Number(row?.["room"] ?? 0)) - leftBytes;
  if (row?.["mode"] !== "on" || bytes < leftBytes) return false;
  await session.query(filler, [String(bytes)], { withinMs });
  const [flushed] = await session.query(flush, [], { withinMs });
  const end = performance.now() + catchUpMs;
  while (performance.now() < end) {
    const [late] = await session.query(behind, [flushed?.["lsn"] ?? "0/0"], { withinMs });
    if (late?.["n"] === "0") break;
    await sleep(pollMs);
  }
  return true;
}
