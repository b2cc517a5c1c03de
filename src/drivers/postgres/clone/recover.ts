/**
 * What a copy is recovered by: where it stops, and a program of ours that gives it the files of the log, and only those
 * that belong to its line: Postgres itself would take a segment of a branch that lost for want of the right one. The
 * program and what it needs lie in `recovery/` beside the data directory, and go with the end of the recovery.
 */
import { chmod, mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { formatLsn } from "../../../domain/lsn.ts";
import type { RecoveryTarget } from "../../../domain/recovery.ts";
import type { ServerOwner } from "../port.ts";
import { makeOwnedDirectory, writeOwnedFile } from "../server/owned-files.ts";

export interface Recovery {
  readonly target: RecoveryTarget;
  /** on which it ends */
  readonly timeline: number;
  /** names of the files of the log that belong to its line */
  readonly served: readonly string[];
  /** words of a program that is run with a file's name and where to put it, as the server's user */
  readonly fetch: readonly string[];
  /** the log that is there is known to hold the target: when it ends before, there was nothing more until then */
  readonly holdsTarget: boolean;
}

/** Files of the log that are brought here before: looked at first. */
export function stagingOf(dataDirectory: string): string {
  return join(recoveryDirectory(dataDirectory), "wal");
}

function recoveryDirectory(dataDirectory: string): string {
  return join(dirname(dataDirectory), "recovery");
}

export async function makeStaging(dataDirectory: string, owner: ServerOwner | undefined): Promise<string> {
  await makeOwnedDirectory(recoveryDirectory(dataDirectory), owner);
  await mkdir(stagingOf(dataDirectory), { recursive: true });
  await chmod(stagingOf(dataDirectory), 0o755);
  return stagingOf(dataDirectory);
}

/** Called by restore_command with the name of a file and where to put it. One that is not of the line is not there. */
const program = `# Written by Matriarch for one recovery.
here=\${0%/*}
grep -qxF "$1" "$here/served" || exit 1
echo "$1" >>"$here/fetched"
if [ -e "$here/wal/$1" ]; then exec cp "$here/wal/$1" "$2"; fi
`;

/** @returns settings of the server that recovers */
export async function prepareRecovery(
  dataDirectory: string,
  { target, timeline, served, fetch }: Recovery,
  owner: ServerOwner | undefined,
): Promise<Readonly<Record<string, string>>> {
  await makeStaging(dataDirectory, owner);
  const directory = recoveryDirectory(dataDirectory);
  await writeOwnedFile(join(directory, "served"), `${served.join("\n")}\n`, owner);
  await writeOwnedFile(join(directory, "fetched"), "", owner);
  const file = join(directory, "fetch");
  await writeOwnedFile(file, `${program}exec ${fetch.map(shellWord).join(" ")} "$1" "$2"\n`, owner);
  const command = `/bin/sh ${shellWord(file).replaceAll("%", "%%")} "%f" "%p"`;
  return { restore_command: command, recovery_target_timeline: String(timeline), ...stopSettings(target) };
}

/** Where it is to stop. Without them: at the end of the log. */
function stopSettings(target: RecoveryTarget): Readonly<Record<string, string>> {
  switch (target.kind) {
    case "newest":
    case "base":
      return {};
    case "time":
      return { recovery_target_time: target.text, ...inclusive(target) };
    case "lsn":
      return { recovery_target_lsn: formatLsn(target.lsn), ...inclusive(target) };
    case "xid":
      return { recovery_target_xid: String(target.xid), ...inclusive(target) };
  }
}

function inclusive({ isInclusive }: { readonly isInclusive: boolean }): Readonly<Record<string, string>> {
  return { recovery_target_inclusive: isInclusive ? "on" : "off" };
}

export function withoutStop(settings: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const kept = ["restore_command", "recovery_target_timeline"];
  return Object.fromEntries(Object.entries(settings).filter(([name]) => kept.includes(name)));
}

/** The file of the log that was asked for last; undefined before the first. */
export async function newestFetched(dataDirectory: string): Promise<string | undefined> {
  const text = await readFile(join(recoveryDirectory(dataDirectory), "fetched"), "utf8").catch(() => "");
  return text
    .trimEnd()
    .split("\n")
    .findLast((name) => /^[0-9A-F]{24}$/.test(name));
}

export async function removeRecovery(dataDirectory: string): Promise<void> {
  await rm(recoveryDirectory(dataDirectory), { recursive: true, force: true });
}

/** For a stop that the log does not reach. */
export const endedBefore = "recovery ended before configured recovery target was reached";
/** For a base that is newer than the target. */
export const stoppedTooEarly = "requested recovery stop point is before consistent recovery point";

export function shellWord(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
