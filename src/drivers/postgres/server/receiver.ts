/**
 * Ends a standby's stream so that its flushed position is final: the first half of a vote (design P4). Called by the
 * member's server. Returns only when no WAL receiver exists and none can begin: a vote hangs on that.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { unresponsive } from "../session/deadline.ts";
import { askRecoveryProcesses, askServer } from "../session/observation.ts";
import type { Session } from "../session/session.ts";
import { sampleProcess, signal, sleptThrough, tellsSleep } from "./processes.ts";

/** A startup process that replays a backlog looks at its stream only at the end of it; then the receiver is told. */
const politeMs = 100;
/** without the kernel's word: so long must there have been no receiver; a started one shows within a few ms */
const quietMs = 300;

/**
 * @param session shows `primary_conninfo` as empty, and is newer than the reload: the startup process was signalled
 *
 * Only the startup process asks for a receiver, with the connection string that it has read itself. It follows a
 * reload between any two records and whenever it wakes (HandleStartupProcInterrupts). So none can begin after it
 * - slept in the wait before its next attempt, the reload's signal being delivered; or
 * - replayed two records since the signal was delivered.
 * It does not sleep there while a receiver runs or was asked for: that wait is another (RecoveryWalStream).
 */
export async function awaitNoReceiver(session: Session, withinMs: number): Promise<void> {
  const start = performance.now();
  let quietSince: number | undefined;
  let proof: ReplayProof = { changes: 0, last: undefined };
  for (;;) {
    const left = start + withinMs - performance.now();
    if (left <= 0) throw unresponsive(`the WAL receiver did not end within ${withinMs} ms`);
    const look = await lookAtRecovery(session, left);
    proof = nextProof(proof, look);
    if (look.hasReceiver) quietSince = undefined;
    else quietSince ??= performance.now();
    const quietFor = quietSince === undefined ? -1 : performance.now() - quietSince;
    if (quietFor >= 0 && look.sleepsBeforeRetry) return;
    if (quietFor >= 50 && proof.changes >= 2) return;
    if (quietFor >= quietMs && !tellsSleep) return;
    if (look.receiverPid !== undefined && performance.now() - start > politeMs) signal(look.receiverPid, "SIGTERM");
    await sleep(3);
  }
}

interface RecoveryLook {
  readonly hasReceiver: boolean;
  readonly receiverPid: number | undefined;
  readonly sleepsBeforeRetry: boolean;
  readonly hangupDelivered: boolean;
  readonly replayed: bigint | undefined;
}

interface ReplayProof {
  readonly changes: number;
  readonly last: bigint | undefined;
}

function nextProof(proof: ReplayProof, look: RecoveryLook): ReplayProof {
  if (!look.hangupDelivered) return { changes: 0, last: undefined };
  const changed = proof.last !== undefined && proof.last !== look.replayed;
  return { changes: proof.changes + (changed ? 1 : 0), last: look.replayed };
}

async function lookAtRecovery(session: Session, withinMs: number): Promise<RecoveryLook> {
  const { startup } = await askRecoveryProcesses(session, withinMs);
  const before = startup && (await sampleProcess(startup.pid));
  const now = await askRecoveryProcesses(session, withinMs);
  const after = startup && (await sampleProcess(startup.pid));
  const word = await askServer(session, withinMs);
  return {
    hasReceiver: word.receiver !== undefined || now.receiverPid !== undefined,
    receiverPid: now.receiverPid ?? word.receiver?.pid,
    sleepsBeforeRetry: sleptThrough(before, after) && now.startup?.waitEvent === "RecoveryRetrieveRetryInterval",
    hangupDelivered: before?.hasPendingHangup === false,
    replayed: word.replayed,
  };
}
