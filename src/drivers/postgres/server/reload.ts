/**
 * Proof that a reload has been followed. A signal sent is no proof: a process follows it at the next turn of its main
 * loop. Called by the actions whose safety hangs on it: changing the commit rule, ending a stream, promoting.
 *
 * From Postgres' source, majors 14 to 18:
 * - The postmaster reads the files again and signals all its processes before it takes the next connection
 *   (process_pm_reload_request in postmaster.c). A new session that shows the new value proves that.
 * - Ordinary backends do not use `synchronous_standby_names`: they wait while the shared `sync_standbys_defined` says
 *   so (SyncRepWaitForLSN in syncrep.c). The checkpointer alone sets that, when it follows the reload
 *   (SyncRepUpdateSyncStandbysDefined).
 * - Walsenders count acknowledgements by the names that they have read themselves (SyncRepReleaseWaiters). They
 *   follow a reload at the top of WalSndLoop, before they read the next reply.
 * - A signal handler sets the latch, so a process that sleeps in the wait of its main loop after the handler has run
 *   has been through the top of its loop since. On Linux the kernel tells both: SIGHUP is no longer pending, and the
 *   process slept from before the wait was read until after.
 * Where the kernel does not tell, walsenders are ended (new ones begin with the new files, the standbys are back in a
 * moment) and the checkpointer is asked for two checkpoints: it begins the second at the top of its loop.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { MemberServerConfig } from "../port.ts";
import { unresponsive } from "../session/deadline.ts";
import { Session, type Row } from "../session/session.ts";
import type { Postmaster } from "./postmaster.ts";
import { isAlive, sampleProcess, sleptThrough, tellsSleep, type ProcessSample } from "./processes.ts";

/** Long enough for a busy walsender to sleep once; after that it is ended. */
const politeMs = 500;
const signalEveryMs = 50;

export const mainLoopWaits: Readonly<Record<string, readonly string[]>> = {
  walsender: ["WalSenderMain", "WalSenderWaitForWAL", "WalSenderWaitForWal", "WalSenderWriteData"],
  checkpointer: ["CheckpointerMain", "CheckpointWriteDelay"],
};

/**
 * Reloads, and returns a new session that reads `value` for the setting.
 * @throws OpError server-unresponsive
 */
export async function reloadUntil(
  config: MemberServerConfig,
  postmaster: Postmaster,
  setting: { readonly name: string; readonly value: string },
  withinMs: number,
): Promise<Session> {
  const end = performance.now() + withinMs;
  let signalledAt = -Infinity;
  for (;;) {
    const left = end - performance.now();
    if (left <= 0) throw unresponsive(`server did not follow a change of "${setting.name}" within ${withinMs} ms`);
    if (performance.now() - signalledAt >= signalEveryMs) {
      await postmaster.reload();
      signalledAt = performance.now();
    }
    const session = await Session.open(config, { withinMs: left });
    const sql = "SELECT pg_catalog.current_setting($1) AS value";
    const [row] = await session.query(sql, [setting.name], { withinMs: left });
    if (row?.["value"] === setting.value) return session;
    await session.close();
    await sleep(2);
  }
}

const followers = `
SELECT a.pid, a.backend_type AS kind, a.wait_event
FROM pg_catalog.pg_stat_get_activity(NULL) AS a
LEFT JOIN pg_catalog.pg_stat_get_wal_senders() AS s ON s.pid = a.pid
WHERE a.backend_type = 'checkpointer' OR s.state IN ('streaming', 'catchup', 'stopping')`;

/**
 * Returns when the checkpointer and every walsender that there was follow the files as they are now.
 * @param session from `reloadUntil`, after which every process has been signalled
 * @param emptinessChanges the names begin or cease to be empty: then the checkpointer's part cannot be left out
 */
export async function proveFollowed(session: Session, emptinessChanges: boolean, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  const polite = performance.now() + (tellsSleep ? politeMs : 0);
  const left = (): number => end - performance.now();
  const rows = await session.query(followers, [], { withinMs: left() });
  let open = new Set(rows.map((row) => Number(row["pid"])));
  const checkpointer = Number(rows.find((row) => row["kind"] === "checkpointer")?.["pid"] ?? 0);
  while (open.size > 0 && performance.now() < polite) {
    open = await stillOpen(session, open, left());
    if (open.size > 0) await sleep(2);
  }
  for (const pid of open) if (pid !== checkpointer) await endBackend(session, pid, left());
  if (!open.has(checkpointer) || !emptinessChanges) return;
  for (let n = 0; n < 2; n += 1) await session.query("CHECKPOINT", [], { withinMs: left() });
}

/** Those of `pids` that have not been found asleep in their main loop. */
async function stillOpen(session: Session, pids: ReadonlySet<number>, withinMs: number): Promise<Set<number>> {
  const before = new Map<number, ProcessSample | undefined>();
  for (const pid of pids) before.set(pid, await sampleProcess(pid));
  const rows = await session.query(followers, [], { withinMs });
  const open = new Set<number>();
  for (const pid of pids) {
    const row = rows.find((found) => Number(found["pid"]) === pid);
    const slept = sleptThrough(before.get(pid), await sampleProcess(pid));
    if (isAlive(pid) && !(slept && isInMainLoop(row))) open.add(pid);
  }
  return open;
}

function isInMainLoop(row: Row | undefined): boolean {
  return (mainLoopWaits[row?.["kind"] ?? ""] ?? []).includes(row?.["wait_event"] ?? "");
}

/** Ends a backend and waits until it is gone. */
export async function endBackend(session: Session, pid: number, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  await session.query("SELECT pg_catalog.pg_terminate_backend($1::int)", [String(pid)], { withinMs });
  while (isAlive(pid)) {
    if (performance.now() > end) throw unresponsive(`server process ${pid} does not end`);
    await sleep(2);
  }
}
