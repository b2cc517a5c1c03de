/**
 * Takes a former primary back to where it left its successor's log, by pg_rewind. Called by the member's server, which
 * is stopped. A rewind that was begun and not ended leaves a directory that must not be started: a mark says so.
 */
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { OpError } from "../../../errors/op-error.ts";
import { formatConninfo } from "../configuration/quote.ts";
import { lastLines, tryTool } from "../engine/environment.ts";
import type { MemberServerConfig, Upstream } from "../port.ts";
import { internalRole } from "../provision/template.ts";
import { writeOwnedFile } from "../server/owned-files.ts";
import { withSession } from "../session/session.ts";

const openMs = 5000;
const checkpointMs = 10 * 60_000;
const rewindMs = 60 * 60_000;

function markOf(dataDirectory: string): string {
  return join(dataDirectory, "matriarch.rewinding");
}

/** A rewind was cut short here; only a clone helps. */
export async function isHalfRewound(dataDirectory: string): Promise<boolean> {
  return (await stat(markOf(dataDirectory)).catch(() => undefined)) !== undefined;
}

export async function rewindDirectory(config: MemberServerConfig, source: Upstream): Promise<void> {
  const { engine, owner, dataDirectory } = config;
  if (engine.tools.pgRewind === undefined) {
    throw new OpError("not-supported", { message: "this engine has no pg_rewind" });
  }
  // pg_rewind reads the source's timeline from its control file, which a promotion changes with its first checkpoint.
  await withSession(source, { withinMs: openMs }, async (session) => {
    await session.query("CHECKPOINT", [], { withinMs: checkpointMs });
  });
  // For an unclean directory it runs a recovery in single-user mode first, which refuses to be a standby.
  await rm(join(dataDirectory, "standby.signal"), { force: true });
  await writeOwnedFile(markOf(dataDirectory), "", owner);
  const from = { host: source.socketDirectory, port: source.port, user: internalRole, dbname: "postgres" };
  const args = ["--target-pgdata", dataDirectory, "--source-server", formatConninfo(from)];
  const result = await tryTool(engine, "pg_rewind", args, {
    owner,
    signal: AbortSignal.timeout(rewindMs),
    timeoutMs: rewindMs,
  });
  if (result.code !== 0) {
    throw new OpError("rewind-failed", {
      message: `pg_rewind could not take the directory back to the log of "${source.member}"`,
      detail: lastLines(result.stderr),
    });
  }
  await rm(markOf(dataDirectory), { force: true });
}
