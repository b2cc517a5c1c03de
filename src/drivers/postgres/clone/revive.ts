/**
 * Makes a server of its own out of a copy of another one: the log is replayed, to its end or to a target, what tied it
 * to its past is cut (slots, subscriptions, passwords), and it gets a new identity. Called for a directory that nobody
 * else uses, when a cluster is made of a copy; the source is neither needed nor touched. Interrupted, it is done anew on
 * a new copy: a half revived directory may be anything. Nothing of it is on disk for certain before the caller has
 * brought it there.
 */
import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Lsn } from "../../../domain/lsn.ts";
import { historyFileName, parseHistoryName } from "../../../domain/wal-file.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { Engine, ServerOwner } from "../port.ts";
import { readControl, renewIdentity } from "../provision/control-file.ts";
import { newSystemIdentifier, renewSegments } from "../provision/create.ts";
import { closeGates } from "../server/import-gates.ts";
import { writeOwnedFile } from "../server/owned-files.ts";
import { forkOf } from "../server/timeline-files.ts";
import { cutTies, type Cut, type KeptPasswords } from "./cut-ties.ts";
import { inspect, type Contents, type Patience } from "./inspect.ts";
import { DidNotStart, withQuietServer, type Open, type QuietRequest } from "./quiet-server.ts";
import {
  endedBefore,
  newestFetched,
  prepareRecovery,
  removeRecovery,
  stoppedTooEarly,
  withoutStop,
  type Recovery,
} from "./recover.ts";
import { runScript, type Script } from "./run-script.ts";

export interface ReviveRequest {
  readonly engine: Engine;
  readonly owner: ServerOwner | undefined;
  readonly dataDirectory: string;
  /** those that the source ran with, or more: recovery refuses less */
  readonly settings: Readonly<Record<string, string>>;
  /** left out: all of the log that came with the copy is replayed, and no other */
  readonly recovery?: Recovery;
  /** left out: no role keeps its password */
  readonly passwords?: KeptPasswords;
  /** run before anybody can come in */
  readonly script?: Script;
  /** whether it is to be told what it holds */
  readonly isToInspect?: boolean;
  /** told when that is looked at */
  readonly inspecting?: () => void;
  /** how long it may look; left out: as long as a person waits */
  readonly patience?: Patience;
  /** called while its server runs alone, once its past is cut */
  readonly examine?: (open: Open) => Promise<void>;
  /** its server comes after everything else on the host, 0 to 19 */
  readonly niceness?: number;
  /** told how far the log has been replayed: a position, or the file of the log that is being read */
  readonly progress: (at: string) => void;
  readonly signal: AbortSignal;
}

export interface Revived extends Cut {
  readonly systemIdentifier: bigint;
  /** the timeline that it goes on with */
  readonly timeline: number;
  readonly contents: Contents | undefined;
  /** the log ended before the target, and holds nothing more until then */
  readonly endedBefore: boolean;
}

/** @throws OpError clone-failed with the server's last words, restore-too-early, script-failed */
export async function revive(request: ReviveRequest): Promise<Revived> {
  const { dataDirectory, owner, recovery } = request;
  await cutFiles(dataDirectory);
  const own = await newestTimeline(dataDirectory, recovery?.timeline);
  await writeOwnedFile(join(dataDirectory, "recovery.signal"), "", owner);
  const settings = recovery
    ? await prepareRecovery(dataDirectory, recovery, owner)
    : { recovery_target_timeline: String(own) };
  const done = await replay(request, settings);
  await removeRecovery(dataDirectory);
  const control = await readControl(dataDirectory);
  const systemIdentifier = newSystemIdentifier();
  await renewIdentity(dataDirectory, systemIdentifier, randomBytes(32));
  await renewSegments(dataDirectory, systemIdentifier);
  await markHistory(dataDirectory, control.timeline, owner);
  return { ...done, systemIdentifier, timeline: control.timeline };
}

/** The quiet server archived nothing; without the history of its timeline no copy of the new cluster could be recovered. */
async function markHistory(dataDirectory: string, timeline: number, owner: ServerOwner | undefined): Promise<void> {
  if (timeline === 1) return;
  await writeOwnedFile(join(dataDirectory, `pg_wal/archive_status/${historyFileName(timeline)}.ready`), "", owner);
}

type Done = Omit<Revived, "systemIdentifier" | "timeline">;

/**
 * Postgres takes a log that ends before the target for a failure; it is none where the target is known to be in it, or
 * where the log ends right at the position to stop before, as it does just after a restore point.
 */
async function replay(request: ReviveRequest, settings: Readonly<Record<string, string>>): Promise<Done> {
  const work = (open: Open): Promise<Omit<Done, "endedBefore">> => finish(request, open);
  const quiet = quietRequest(request);
  const { recovery, dataDirectory } = request;
  let ended: OpError;
  try {
    return { ...(await withQuietServer(quiet, settings, work)), endedBefore: false };
  } catch (error) {
    if (!(error instanceof DidNotStart)) throw error;
    ended = describe(error);
    if (!error.said.includes(endedBefore) || !(recovery?.holdsTarget || positionToStopBefore(recovery))) throw ended;
  }
  try {
    const done = await withQuietServer(quiet, withoutStop(settings), async (open) => {
      if (!recovery?.holdsTarget && !(await leadsTo(dataDirectory, positionToStopBefore(recovery)))) throw ended;
      return work(open);
    });
    return { ...done, endedBefore: true };
  } catch (error) {
    throw error instanceof DidNotStart ? error.failure : error;
  }
}

function positionToStopBefore(recovery: Recovery | undefined): Lsn | undefined {
  const target = recovery?.target;
  return target?.kind === "lsn" && !target.isInclusive ? target.lsn : undefined;
}

/** A server that was promoted has written where the log that it was given ended. */
async function leadsTo(dataDirectory: string, position: Lsn | undefined): Promise<boolean> {
  const timelines = (await readdir(join(dataDirectory, "pg_wal"))).map((name) => parseHistoryName(name) ?? 0);
  const end = await forkOf(dataDirectory, Math.max(...timelines));
  return position !== undefined && end !== undefined && end >= position;
}

async function finish(request: ReviveRequest, open: Open): Promise<Omit<Done, "endedBefore">> {
  const { script, passwords, isToInspect, inspecting, patience, examine, signal } = request;
  const cut = await cutTies(open, passwords);
  if (script) await runScript(open, script, signal);
  await examine?.(open);
  if (isToInspect !== true) return { ...cut, contents: undefined };
  inspecting?.();
  return { ...cut, contents: await inspect(open, patience) };
}

function quietRequest(request: ReviveRequest): QuietRequest {
  const { engine, owner, dataDirectory, settings, progress, niceness = 0, signal } = request;
  let told: string | undefined;
  const watch = async (said: string): Promise<void> => {
    const redo = [...said.matchAll(/redo (?:in progress|starts)[^\n]*(?:LSN: |at )([0-9A-F/]+)/g)].at(-1)?.[1];
    const at = (await newestFetched(dataDirectory)) ?? redo;
    if (at !== undefined && at !== told) progress((told = at));
  };
  return { engine, owner, dataDirectory, settings, watch, niceness, signal };
}

function describe({ said, failure }: DidNotStart): OpError {
  if (said.includes(stoppedTooEarly))
    return new OpError("restore-too-early", {
      message: "the copy is newer than what it is to be restored to",
      cause: failure,
    });
  if (!said.includes(endedBefore)) return failure;
  const last = /last completed transaction was at log time ([^\n]+)/.exec(said)?.[1];
  const end = /redo done at ([0-9A-F/]+)/.exec(said)?.[1];
  const where = [end && `at ${end}`, last && `with a commit of ${last}`].filter(Boolean).join(", ");
  return new OpError("restore-out-of-window", {
    message: "the log that was kept ends before the target",
    ...(where === "" ? {} : { detail: `It ends ${where}.` }),
    hint: "Without a target it is restored to the newest that there is.",
    cause: failure,
  });
}

/** What a copy of a running server brings along and what would be taken for its own. */
async function cutFiles(dataDirectory: string): Promise<void> {
  const names = [
    "postmaster.pid",
    "postmaster.opts",
    "standby.signal",
    "recovery.signal",
    "promote",
    "postgresql.auto.conf",
  ];
  for (const name of names) await rm(join(dataDirectory, name), { force: true });
  await closeGates(dataDirectory);
  // Slots are its source's, and what its source was about to archive is in its source's archive.
  for (const path of ["pg_replslot", "pg_wal/archive_status"]) {
    const directory = join(dataDirectory, path);
    for (const name of await readdir(directory).catch(() => [])) await rm(join(directory, name), { recursive: true });
  }
}

/**
 * The newest that there is any log of. Histories of timelines that were only planned may lie there, too: recovery must
 * not go looking for their log, and what it promotes to is free to take their place.
 * @param wanted which one it is to end on; undefined: the newest of those that came with the copy
 */
async function newestTimeline(dataDirectory: string, wanted: number | undefined): Promise<number> {
  const control = await readControl(dataDirectory);
  const wal = join(dataDirectory, "pg_wal");
  const names = await readdir(wal);
  const written = names
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .map((name) => Number.parseInt(name.slice(0, 8), 16));
  const newest = wanted ?? Math.max(control.timeline, control.minRecoveryTimeline, ...written);
  for (const name of names)
    if (/^[0-9A-F]{8}\.history$/.test(name) && Number.parseInt(name.slice(0, 8), 16) > newest)
      await rm(join(wal, name));
  return newest;
}
