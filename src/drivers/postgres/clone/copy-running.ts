/**
 * A copy of a running server's directory that stands on its own: consistent, with all the log that it needs, for
 * whoever is to be made of it later. Called when a snapshot is taken where the file system cannot do it at one moment.
 * Changes nothing at the source but a slot that ends with the session.
 */
import { randomInt } from "node:crypto";
import { access, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseError } from "pg";
import { OpError } from "../../../errors/op-error.ts";
import { Session } from "../session/session.ts";
import { copyFiles, type CopyRequest } from "./copy-files.ts";

const openMs = 5000;
const askMs = 10_000;
/** Recovery would come to its end without the log from there on. */
const keepLog = "SELECT pg_catalog.pg_create_physical_replication_slot($1::name, true, true)";

/** @throws OpError clone-failed; nothing is left at the target then */
export async function copyRunning(request: CopyRequest): Promise<void> {
  const { source, target, signal } = request;
  const session = await Session.open(source, { withinMs: openMs });
  const abort = (): void => session.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    await session.query(keepLog, [`snapshot_${randomInt(2 ** 32)}`], { withinMs: askMs });
    await copyFiles(session, request);
    await refuseWithoutLog(target);
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    signal.throwIfAborted();
    throw asLost(source.member, session, error);
  } finally {
    signal.removeEventListener("abort", abort);
    await session.close();
  }
}

/** The server refused, or is gone, and the copy's end with it: what came between ends by itself, and a copy can be made again. */
function asLost(member: string, session: Session, error: unknown): unknown {
  if (error instanceof OpError || (session.isOpen && !(error instanceof DatabaseError))) return error;
  const said = error instanceof DatabaseError ? `Its server said: ${error.message}.` : "Its server ended.";
  return new OpError("clone-failed", {
    message: `"${member}" could not be copied`,
    detail: said,
    hint: "If a failover came between, try again.",
    cause: error,
  });
}

/** The first segment that recovery reads; the last is proven by the end of the backup that it reads there. */
async function refuseWithoutLog(target: string): Promise<void> {
  const label = await readFile(join(target, "backup_label"), "utf8");
  const first = /\(file ([0-9A-F]{24})\)/.exec(label)?.[1] ?? "";
  const isThere = await access(join(target, "pg_wal", first)).then(
    () => first !== "",
    () => false,
  );
  if (!isThere)
    throw new OpError("clone-failed", { message: "the log that the copy needs was removed while it was made" });
}
