/**
 * Turns a standby into the primary on a timeline that was reserved for it. Called by the member's server under the
 * epoch that holds the reservation. A promotion that was asked for cannot be taken back: one that does not end in time,
 * or ends on another timeline, is fenced here before anything else can happen (I5).
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lsn } from "../../../domain/lsn.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { MemberServerConfig } from "../port.ts";
import { unresponsive } from "../session/deadline.ts";
import type { Session } from "../session/session.ts";
import { writeOwnedFile } from "./owned-files.ts";
import type { Postmaster } from "./postmaster.ts";
import { signal } from "./processes.ts";
import { forkOf } from "./timeline-files.ts";

const pollMs = 2;
const signalEveryMs = 50;

/**
 * @param session any session of the server, with `synchronous_standby_names` in force already
 * @returns where the new timeline left the old one
 */
export async function promoteBySignal(
  config: MemberServerConfig,
  postmaster: Postmaster,
  session: Session,
  timeline: number,
  withinMs: number,
): Promise<Lsn> {
  const end = performance.now() + withinMs;
  let signalledAt = -Infinity;
  try {
    for (;;) {
      const left = end - performance.now();
      if (left <= 0) throw unresponsive(`server did not end its recovery within ${withinMs} ms`);
      if (performance.now() - signalledAt >= signalEveryMs) {
        await askToPromote(config, postmaster);
        signalledAt = performance.now();
      }
      const reached = await timelineWritten(session, left);
      if (reached !== undefined) return await checkTimeline(config, timeline, reached);
      await sleep(pollMs);
    }
  } catch (error) {
    await postmaster.fence();
    await rm(join(config.dataDirectory, "promote"), { force: true });
    throw error;
  }
}

/** The file and SIGUSR1, as pg_ctl does. The server takes the file away, and a signal may come before it listens. */
async function askToPromote(config: MemberServerConfig, postmaster: Postmaster): Promise<void> {
  const path = join(config.dataDirectory, "promote");
  await writeOwnedFile(path, "", config.owner).catch(passOverTaken);
  const pid = await postmaster.find();
  if (pid === undefined) throw new OpError("operation-failed", { message: "the server ended while it was promoted" });
  signal(pid, "SIGUSR1");
}

/** It had heard an earlier signal, and took the file before its owner could be set. */
function passOverTaken(error: unknown): void {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
}

const written = `
SELECT CASE WHEN NOT r.standby THEN pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()) END AS segment
FROM (SELECT pg_catalog.pg_is_in_recovery() AS standby OFFSET 0) AS r`;

async function timelineWritten(session: Session, withinMs: number): Promise<number | undefined> {
  const [row] = await session.query(written, [], { withinMs, name: "matriarch_written" });
  return row?.["segment"] ? Number.parseInt(row["segment"].slice(0, 8), 16) : undefined;
}

async function checkTimeline(config: MemberServerConfig, wanted: number, reached: number): Promise<Lsn> {
  // A signal that crossed the end of recovery leaves its file; a later start of the server would find it.
  await rm(join(config.dataDirectory, "promote"), { force: true });
  const fork = await forkOf(config.dataDirectory, wanted);
  if (reached === wanted && fork !== undefined) return fork;
  throw new OpError("operation-failed", {
    message: `server promoted itself to timeline ${reached} instead of ${wanted}`,
    detail: "Another promotion may have that timeline, so the server was stopped.",
  });
}
