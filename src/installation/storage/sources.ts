/**
 * What a new cluster can be made of: a member as it is now, a snapshot as it was, or a copy with the log that leads from
 * it to a target. All of them are only read, and each says before anything is written whether it can be done.
 */
import { access, copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { formatSize } from "../../contract/units.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import type { RecoveryTarget } from "../../domain/recovery.ts";
import { isWritten } from "../../drivers/postgres/archive/written.ts";
import { makeStaging, type Recovery } from "../../drivers/postgres/clone/recover.ts";
import { OpError } from "../../errors/op-error.ts";
import type { SeedRequest } from "../create.ts";
import { clusterOf, isHere, type Parts } from "../parts.ts";
import { newestVersion, writtenBy } from "./own-engine.ts";
import { chooseMember } from "./snapshots/choose.ts";
import { readSnapshots, volumeOfSnapshot } from "./snapshots/files.ts";
import { noSnapshot } from "./snapshots/list.ts";
import { copyMember, refuseRoom } from "./snapshots/take.ts";
import { readBase } from "./restore/bases.ts";
import { filesBetween, fileWrittenAt } from "./restore/kept-log.ts";
import { holdsTarget, planRestore, type Candidate } from "./restore/plan.ts";
import { onceSettled } from "./restore/settled.ts";

export interface Source {
  /** of the source, as it was at `at` */
  readonly spec: ClusterSpec;
  readonly at: number;
  /** of Postgres, on which it ran; undefined: it is not known */
  readonly version: string | undefined;
  /** false: `at` is when it was at the latest. Left out: it is known */
  readonly isAtKnown?: boolean;
  /** of a file of the log, when it was complete */
  readonly writtenAt?: (file: string) => Promise<number | undefined>;
  /** for people: what it begins with */
  readonly base: string;
  /** where the log ends before the target, an older one may hold it */
  readonly mayBeTooNew?: boolean;
  /** the volume of a snapshot that must stay until it is done */
  readonly reads?: string;
  /** @param copies that this host is to hold. @throws OpError when it cannot be, before anything is begun */
  check(copies: number): Promise<void>;
  /** Puts a copy at `volume`, which does not exist yet. */
  copy(volume: string, wish: SeedRequest): Promise<void>;
  /** Called once the copy is there; left out: the log that came with it is all that is replayed. */
  recovery?(dataDirectory: string): Promise<Recovery>;
}

export function ofMember(parts: Parts, name: string, member: string | undefined): Source {
  const cluster = clusterOf(parts, name);
  const chosen = chooseMember(cluster, member, (one) => isHere(parts, one));
  const spec = cluster.record.spec.value;
  const socketDirectory = cluster.members.get(chosen.member.id)?.socketDirectory ?? "";
  return {
    spec,
    at: parts.clock.wallNow(),
    version: chosen.member.version ?? parts.servers.versionOf(spec, chosen.member),
    base: chosen.member.id,
    check: (copies) => refuseRoom(parts, chosen, "asked", copies),
    copy: async (path, { spec: { volumeBytes: sizeBytes }, told, signal }) => {
      told(`copying "${chosen.member.id}"`);
      await copyMember(parts, { chosen, path, socketDirectory, major: spec.major, sizeBytes, told, signal });
    },
  };
}

export async function ofSnapshot(parts: Parts, name: string, id: string): Promise<Source> {
  const snapshot = (await readSnapshots(parts, name)).find((one) => one.id === id);
  if (!snapshot) throw await noSnapshot(parts, name, id);
  await readBase(parts, snapshot);
  return { ...copyOf(parts, snapshot), at: snapshot.createdAt };
}

interface LogWish {
  readonly target: RecoveryTarget;
  readonly snapshot: string | undefined;
}

/** @returns those to try in turn, at least one. @throws OpError restore-out-of-window */
export function ofLog(parts: Parts, name: string, wish: LogWish): Promise<readonly Source[]> {
  return onceSettled(parts, name, () => planned(parts, name, wish));
}

async function planned(parts: Parts, name: string, { target, snapshot }: LogWish): Promise<readonly Source[]> {
  const candidates = await planRestore(parts, name, target, snapshot);
  const now = parts.runtime.clusters.get(name)?.record.spec.value;
  return candidates.map((candidate) => {
    const then = candidate.base.snapshot.spec;
    // Raised limits of today are needed for the log of today.
    const spec = now?.systemIdentifier === then.systemIdentifier ? now : then;
    return {
      ...copyOf(parts, candidate.base.snapshot),
      spec,
      version: newestVersion(candidate.base.snapshot.version, writtenBy(parts, then)),
      at: momentOf(target) ?? candidate.until,
      isAtKnown: target.kind === "newest" || momentOf(target) !== undefined,
      writtenAt: (file) => fileWrittenAt(candidate.log, file),
      recovery: (dataDirectory) => recoveryAfresh(parts, name, { candidate, target }, dataDirectory),
    };
  });
}

function momentOf(target: RecoveryTarget): number | undefined {
  return target.kind === "time" || target.kind === "lsn" ? target.ms : undefined;
}

function copyOf(parts: Parts, snapshot: Candidate["base"]["snapshot"]): Omit<Source, "at"> {
  const { pool, owner } = parts.servers;
  const path = volumeOfSnapshot(parts, snapshot);
  return {
    spec: snapshot.spec,
    version: snapshot.version,
    base: snapshot.id,
    reads: path,
    check: async (copies) => {
      const bytes = pool.sharesBlocks ? 0 : copies * snapshot.bytes;
      refuseFull(snapshot.id, bytes, (await pool.usage(path)).poolFreeBytes);
    },
    copy: async (volume, { spec, told, signal }) => {
      told(`copying ${snapshot.id}`);
      await pool.copy(path, volume, { owner, sizeBytes: spec.volumeBytes }, signal);
    },
  };
}

/** What a server needs beside its data while it replays. */
const replayBytes = 256 * 2 ** 20;

function refuseFull(id: string, bytes: number, free: number): void {
  const needed = bytes * 1.1 + replayBytes;
  if (free > needed) return;
  throw new OpError("too-little-disk", {
    message: `a copy of ${id} takes ${formatSize(needed)}, and ${formatSize(free)} are free`,
    hint: "Free some room, or delete older snapshots: matriarch snapshot delete.",
  });
}

/**
 * Copying takes a while: the primary may move meanwhile, and a file of the timeline that it left is then no more under
 * its name (the last one of it never is whole). What leads on is found anew.
 */
async function recoveryAfresh(
  parts: Parts,
  name: string,
  { candidate, target }: { readonly candidate: Candidate; readonly target: RecoveryTarget },
  dataDirectory: string,
): Promise<Recovery> {
  const { id } = candidate.base.snapshot;
  for (let again = 0; ; again += 1) {
    const [found] =
      again === 0 ? [candidate] : await onceSettled(parts, name, () => planRestore(parts, name, target, id));
    try {
      return await recoveryOf(parts, found ?? candidate, target, dataDirectory);
    } catch (error) {
      const isGone = error instanceof OpError && error.code === "clone-failed";
      if (!isGone || again === afreshMost) throw error;
      parts.log.info("the log moved while it was copied; what leads on is found anew", { cluster: name, error });
    }
  }
}

const afreshMost = 3;

/** What is not archived yet is brought beside the copy: its member goes on, and uses the files again. */
async function recoveryOf(
  { servers: { owner } }: Parts,
  candidate: Candidate,
  target: RecoveryTarget,
  dataDirectory: string,
): Promise<Recovery> {
  const { base, log, end } = candidate;
  const served = filesBetween(log, base.start.lsn, end);
  const staging = await makeStaging(dataDirectory, owner);
  for (const name of served) {
    const from = log.unarchived.get(name);
    if (from === undefined) continue;
    const to = join(staging, name);
    const isTaken = await copyFile(from, to).then(
      () => !/^[0-9A-F]{24}$/.test(name) || isWritten(staging, name, log.segmentBytes),
      () => false,
    );
    // Archived since, and used for another part of the log.
    if (!isTaken) await rm(to, { force: true });
    if (!isTaken) await refuseMissing(join(log.archive, name), name);
  }
  const fetch = ["/bin/sh", "-c", 'exec cp "$0/$1" "$2"', log.archive];
  const holds = holdsTarget(candidate, target);
  return { target, timeline: log.line.timeline, served, fetch, holdsTarget: holds };
}

async function refuseMissing(archived: string, name: string): Promise<void> {
  await access(archived).catch((cause: unknown) => {
    throw new OpError("clone-failed", {
      message: `file ${name} of the log was removed while it was copied`,
      hint: "Try again.",
      cause,
    });
  });
}
