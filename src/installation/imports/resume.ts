/**
 * What an agent does about an import that the one before it left: its programs are ended, and what it made is undone.
 * Called when an agent starts. A copy is not gone on with: the moment that it was of has passed.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { OpError } from "../../errors/op-error.ts";
import type { OperationRecord } from "../../events/event.ts";
import { awaitCluster, type Parts } from "../parts.ts";
import { servingPrimary } from "../status.ts";
import { endFailed } from "./begin.ts";
import { PrimaryEnds } from "./primary-ends.ts";
import { forget, register } from "./running.ts";

const primaryMs = 10 * 60_000;

export async function resumeImport(parts: Parts, operation: OperationRecord): Promise<void> {
  const { cluster, id } = operation;
  register(id, parts.signal);
  using ends = new PrimaryEnds(parts, cluster);
  const directory = join(parts.home, "imports", id);
  try {
    await endPrograms(directory);
    await awaitCluster(parts, cluster, (now) => servingPrimary(now) !== undefined, {
      withinMs: primaryMs,
      describe: () => "There is no primary to undo the import on.",
    }).catch(() => undefined);
    const error = new OpError("interrupted", {
      message: "the agent that carried the import out ended in the middle of it",
      hint: "Begin it again with the same command.",
    });
    if (!parts.signal.aborted) await endFailed(parts, operation, { database: undefined, error, ends });
  } finally {
    forget(id);
    await rm(directory, { recursive: true, force: true });
  }
}

/** Ours are known by the file with the password, which is in the directory of this import alone. Linux has /proc. */
async function endPrograms(directory: string): Promise<void> {
  for (const pid of (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (!environment.split("\0").includes(`PGPASSFILE=${join(directory, "pgpass")}`)) continue;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // it has ended meanwhile
    }
  }
}
