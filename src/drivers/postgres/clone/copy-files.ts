/**
 * Copies the files of a running server on this host, inside its backup mode: shared blocks where the file system can
 * (a second or less whatever the size), else byte by byte. Called by `clone`. Reads the source and writes the new
 * directory, nothing else; as the servers' user, so that the copies belong to it.
 */
import { execFile } from "node:child_process";
import { copyFile, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { tellsNoRoom } from "../../../errors/full-disk.ts";
import { OpError } from "../../../errors/op-error.ts";
import { replicationFile } from "../configuration/write.ts";
import { identityOf } from "../engine/environment.ts";
import type { CloneProgress, ServerOwner, Upstream } from "../port.ts";
import { readControl } from "../provision/control-file.ts";
import { makeOwnedDirectory, writeOwnedFile } from "../server/owned-files.ts";
import type { Session } from "../session/session.ts";
import { replacedWhileCopied } from "./cp-words.ts";

const run = promisify(execFile);

export interface CopyRequest {
  readonly source: Upstream & { readonly dataDirectory: string };
  readonly owner: ServerOwner | undefined;
  /** does not exist yet */
  readonly target: string;
  readonly major: number;
  readonly progress: (progress: CloneProgress) => void;
  readonly signal: AbortSignal;
}

const startMs = 10 * 60_000;
const copyMs = 24 * 60 * 60_000;
const progressEveryMs = 2000;
const replacedMax = 5;

/** As pg_basebackup leaves them out: of no use on another server, or rebuilt at its start (basebackup.c). */
const emptied = ["pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"];
const left = new Set([
  "pg_wal",
  "postmaster.pid",
  "postmaster.opts",
  "current_logfiles",
  "backup_label",
  "backup_label.old",
  "backup_manifest",
  "tablespace_map",
  "promote",
  "postgresql.auto.conf.tmp",
  replicationFile,
]);

/** @param session on the source, kept open all the while: the backup ends with it */
export async function copyFiles(session: Session, request: CopyRequest): Promise<void> {
  const { source, target, owner, signal } = request;
  await refuseTablespaces(source.dataDirectory);
  await makeOwnedDirectory(target, owner);
  const found = howToCopy(request);
  await startBackup(session, request.major).finally(() => found);
  const how = await found;
  const stopTelling = tellProgress(request, how);
  try {
    await copyTree(request, how);
    await copyControl(source.dataDirectory, target, owner);
    signal.throwIfAborted();
    const label = await stopBackup(session, request.major);
    await writeOwnedFile(join(target, "backup_label"), label.text, owner);
    await copyLog(request, label);
  } finally {
    stopTelling();
  }
}

/** Sizes are asked for when it takes a while: to walk over all files takes longer than to share their blocks. */
function tellProgress({ source, target, progress }: CopyRequest, how: "reflink" | "copy"): () => void {
  let isOver = false;
  let total: Promise<number> | undefined;
  const look = async (): Promise<void> => {
    const [bytesDone, bytesTotal] = await Promise.all([sizeOf(target), (total ??= sizeOf(source.dataDirectory))]);
    if (!isOver) progress({ bytesDone, bytesTotal, how });
  };
  progress({ bytesDone: 0, bytesTotal: undefined, how });
  const timer = setInterval(() => void look(), progressEveryMs);
  return () => {
    isOver = true;
    clearInterval(timer);
  };
}

/** Two members of one host cannot share a tablespace's directory, and nobody has said where else it should be. */
async function refuseTablespaces(dataDirectory: string): Promise<void> {
  const found = await readdir(join(dataDirectory, "pg_tblspc"));
  if (found.length === 0) return;
  throw new OpError("not-supported", {
    message: "a server with tablespaces cannot be copied",
    hint: "Move the tables of the tablespaces to pg_default and drop the tablespaces.",
  });
}

async function startBackup(session: Session, major: number): Promise<void> {
  const call = major >= 15 ? "pg_backup_start('matriarch', true)" : "pg_start_backup('matriarch', true, false)";
  await session.query(`SELECT pg_catalog.${call}`, [], { withinMs: startMs });
}

interface BackupLabel {
  readonly text: string;
  readonly timeline: number;
  /** names of the first and the last segment that the copy needs, without the timeline */
  readonly from: string;
  readonly to: string;
}

async function stopBackup(session: Session, major: number): Promise<BackupLabel> {
  const call = major >= 15 ? "pg_backup_stop(false)" : "pg_stop_backup(false, false)";
  // The function that names a segment is not allowed during recovery; a position has no timeline, so it is of no use.
  const sql = `SELECT b.labelfile, b.lsn::text AS stop,
  pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))::text AS segment_bytes
FROM pg_catalog.${call} AS b`;
  const [row] = await session.query(sql, [], { withinMs: startMs });
  const text = row?.["labelfile"] ?? "";
  const start = /START WAL LOCATION: \S+ \(file ([0-9A-F]{8})([0-9A-F]{16})\)/.exec(text);
  if (!start?.[1] || !start[2]) throw new OpError("clone-failed", { message: "the source gave no backup label" });
  const to = segmentOf(row?.["stop"] ?? "", Number(row?.["segment_bytes"]));
  return { text, timeline: Number.parseInt(start[1], 16), from: start[2], to };
}

function segmentOf(lsn: string, segmentBytes: number): string {
  const [high = "0", low = "0"] = lsn.split("/");
  const segment = Math.floor(Number.parseInt(low, 16) / segmentBytes).toString(16);
  return (high.padStart(8, "0") + segment.padStart(8, "0")).toUpperCase();
}

const arguments_: Readonly<Record<string, Readonly<Record<"reflink" | "copy", readonly string[]>>>> = {
  linux: { reflink: ["-a", "--reflink=always"], copy: ["-a", "--reflink=never"] },
  darwin: { reflink: ["-cRp"], copy: ["-Rp"] },
};

function copyArguments(how: "reflink" | "copy"): readonly string[] {
  return arguments_[process.platform]?.[how] ?? ["-Rp"];
}

/** Tries one small file. */
async function howToCopy(request: CopyRequest): Promise<"reflink" | "copy"> {
  const from = join(request.source.dataDirectory, "PG_VERSION");
  const options = { ...identityOf(request.owner), timeout: 10_000 };
  return await run("cp", [...copyArguments("reflink"), from, request.target], options).then(
    () => "reflink" as const,
    () => "copy" as const,
  );
}

async function copyTree(request: CopyRequest, how: "reflink" | "copy"): Promise<void> {
  const { source, target, owner } = request;
  const names = await readdir(source.dataDirectory);
  const wanted = names.filter((name) => !left.has(name) && !emptied.includes(name) && !name.endsWith(".signal"));
  for (const name of [...emptied, "pg_wal", "pg_wal/archive_status"]) {
    await makeOwnedDirectory(join(target, name), owner);
  }
  await runCopy(
    request,
    how,
    wanted.map((name) => join(source.dataDirectory, name)),
    target,
  );
}

/** What was replaced while it was read is copied again: a file that is left out would be missing in the copy. */
async function runCopy(
  request: CopyRequest,
  how: "reflink" | "copy",
  paths: readonly string[],
  target: string,
): Promise<void> {
  let replaced = await runCp(request, how, paths, target);
  for (let attempt = 1; replaced.length > 0; attempt += 1) {
    if (attempt > replacedMax) throw notCopied(new Error(`replaced again and again: ${replaced.join(", ")}`));
    const again: string[] = [];
    for (const path of replaced) {
      const beside = dirname(join(request.target, relative(request.source.dataDirectory, path)));
      again.push(...(await runCp(request, how, [path], beside)));
    }
    replaced = again;
  }
}

/** @returns those that it left out because they were replaced while it read them */
async function runCp(
  request: CopyRequest,
  how: "reflink" | "copy",
  paths: readonly string[],
  target: string,
): Promise<readonly string[]> {
  const options = {
    ...identityOf(request.owner),
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C" },
    signal: request.signal,
    timeout: copyMs,
    maxBuffer: 16 << 20,
  };
  try {
    await run("cp", [...copyArguments(how), ...paths, target], options);
    return [];
  } catch (error) {
    request.signal.throwIfAborted();
    const said = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
    const replaced = replacedWhileCopied(said);
    if (replaced) return replaced;
    throw notCopied(error);
  }
}

function notCopied(cause: unknown): OpError {
  const said = cause instanceof Error ? cause.message.split("\n").find(tellsNoRoom) : undefined;
  return new OpError("clone-failed", {
    message: "the files of the source could not be copied",
    ...(said === undefined ? {} : { detail: `${said.trim()}.`, hint: "Free some room and try again." }),
    cause,
  });
}

/**
 * Last of all, as a copy of a standby demands: recovery ends no earlier than its minimum recovery point. It may be
 * caught in the middle of a write; its checksum tells.
 */
async function copyControl(from: string, to: string, owner: ServerOwner | undefined): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await copyFile(join(from, "global/pg_control"), join(to, "global/pg_control"));
    const file = await open(join(to, "global/pg_control"), "r");
    if (owner !== undefined) await file.chown(owner.uid, owner.gid);
    await file.close();
    const failure = await readControl(to).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return;
    if (attempt === 5)
      throw new OpError("clone-failed", { message: "the control file was never whole", cause: failure });
  }
}

/**
 * The log from the backup's beginning to its end, and the history of timelines: with them the copy becomes consistent
 * on its own, whatever the source removes meanwhile. A standby's backup may begin on one timeline and end on a later one:
 * its last restartpoint lies before the promotion that it follows now.
 */
async function copyLog(request: CopyRequest, label: BackupLabel): Promise<void> {
  const from = join(request.source.dataDirectory, "pg_wal");
  const first = label.timeline.toString(16).toUpperCase().padStart(8, "0");
  const names = (await readdir(from)).filter((name) => {
    if (name.endsWith(".history")) return true;
    const segment = name.length === 24 && name.slice(0, 8) >= first ? name.slice(8) : "";
    return segment >= label.from && segment <= label.to;
  });
  if (names.length === 0) return;
  await runCopy(
    request,
    "copy",
    names.map((name) => join(from, name)),
    join(request.target, "pg_wal"),
  );
}

async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0;
  }
  return bytes;
}

/** Whether this process may read the files at all; else the replication protocol is the way. */
export async function canReadFiles(dataDirectory: string | undefined): Promise<boolean> {
  if (dataDirectory === undefined) return false;
  return await readFile(join(dataDirectory, "PG_VERSION")).then(
    () => true,
    () => false,
  );
}

export async function discard(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
