/**
 * The pgBackRest of this machine: where it is, what version, which servers it knows. Looked up at every use, as packages
 * come and go. Installs nothing.
 */
import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { RepositoryPlace } from "../../domain/backup.ts";
import { OpError } from "../../errors/op-error.ts";

export interface BackupProgram {
  readonly path: string;
  /** `2.45` */
  readonly version: string;
}

/** Oldest that this driver was tried with: multiple repositories, bundles and annotations. */
const oldest = "2.41";
/** The version that knows each major for good. Source: pgBackRest's release notes. */
const knownSince: Readonly<Record<number, string>> = { 16: "2.46", 17: "2.52", 18: "2.57" };
const sftpSince = "2.46";

/** @throws OpError backup-program-missing, with what installs it */
export async function findBackupProgram(): Promise<BackupProgram> {
  const directories = (process.env["PATH"] ?? "").split(delimiter).filter((path) => path !== "");
  for (const directory of [...directories, "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]) {
    const path = join(directory, "pgbackrest");
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!isThere) continue;
    const { stdout } = await promisify(execFile)(path, ["version"], { timeout: 10_000, env: { LC_ALL: "C" } });
    const version = /(\d+\.\d+(?:\.\d+)?)/.exec(stdout)?.[1];
    if (version !== undefined) return { path, version };
  }
  throw new OpError("backup-program-missing", {
    message: "pgBackRest is not installed on this host",
    detail:
      "Backups in a repository elsewhere are made by it. Snapshots and the log's archive on this host go on without.",
    hint: `Install it on every host with a member: ${installWords()}`,
  });
}

/** @throws OpError backup-program-missing when it is too old for what is asked of it */
export function refuseTooOld(
  { version }: Pick<BackupProgram, "version">,
  { major, places }: { readonly major: number; readonly places: readonly RepositoryPlace[] },
): void {
  const sftp = places.some(({ kind }) => kind === "sftp");
  const wants = [
    { since: oldest, what: "this needs" },
    { since: knownSince[major] ?? oldest, what: `Postgres ${major} needs` },
    ...(sftp ? [{ since: sftpSince, what: "a repository over SFTP needs" }] : []),
  ].filter(({ since }) => isOlder(version, since));
  const [worst] = wants.toSorted((a, b) => (isOlder(a.since, b.since) ? 1 : -1));
  if (!worst) return;
  throw new OpError("backup-program-missing", {
    message: `pgBackRest ${version} of this host is too old: ${worst.what} ${worst.since} or newer`,
    detail: "Snapshots and the log's archive on this host go on without it.",
    hint: `Install a newer one, for example from apt.postgresql.org (see docs/backups.md): ${installWords()}`,
  });
}

export function isOlder(version: string, than: string): boolean {
  const [a = [], b = []] = [version, than].map((text) => text.split(".").map(Number));
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function installWords(): string {
  return process.platform === "darwin" ? "brew install pgbackrest" : "apt-get install -y pgbackrest";
}
