/**
 * Proofs of what lies in a repository elsewhere: the moments that it certainly holds, and the note beside a backup that
 * it was restored.
 */
import { readdir, rm } from "node:fs/promises";
import { randomInt } from "node:crypto";
import { basename, join } from "node:path";
import { committedBy } from "../../domain/archive.ts";
import { secondWithin } from "../../domain/proof.ts";
import type { RecoveryTarget } from "../../domain/recovery.ts";
import { configDirectory } from "../../drivers/pgbackrest/places.ts";
import { showBackups } from "../backups/look.ts";
import { ofRepository } from "../backups/restore-source.ts";
import { findStanza } from "../backups/stanza.ts";
import type { Parts } from "../parts.ts";
import type { Source } from "../storage/sources.ts";
import { chances, timeTarget, type ProofPlan } from "./plan.ts";

/** A file of the log may have been on its way for so long when it was counted as archived. */
const lateMs = 10_000;

/** @returns undefined while there is no backup in it. @throws OpError backup-repository */
export async function planOfRepository(parts: Parts, name: string): Promise<ProofPlan | undefined> {
  const { backups, repositories } = await showBackups(parts, name, true);
  const ends = backups.flatMap((backup) => (backup.is_current ? [Date.parse(backup.ended_at)] : []));
  if (ends.length === 0) return undefined;
  // Times of backups are known to the second, and one may have ended at the end of that.
  const from = Math.min(...ends) + 1000;
  const certain = Math.max(...ends, ...pushedUntil(parts, name, repositories));
  const until = Math.max(from, certain);
  const ms = secondWithin([{ from, until }], randomInt(chances) / chances) ?? until;
  const target = timeTarget(ms);
  const [source] = await ofRepository(parts, name, target, undefined);
  if (!source) return undefined;
  const bytes = backups.find(({ label }) => label === source.base)?.size_bytes ?? 0;
  return {
    from: "backup",
    sources: [holding(source, target)],
    target: ms,
    isCertain: ms <= certain,
    bytes,
    problems: [],
  };
}

/** As long as nothing waits to be pushed. */
function pushedUntil(
  { archives }: Pick<Parts, "archives">,
  name: string,
  repositories: readonly { readonly archived_until: string | null }[],
): readonly number[] {
  if (archives.get(name)?.waitingBytes !== 0) return [];
  return repositories.flatMap(({ archived_until: at }) => (at === null ? [] : [committedBy(Date.parse(at)) - lateMs]));
}

/** When the log ends before the moment, nothing more had been committed until then: a file that is missing is told apart. */
function holding(source: Source, target: RecoveryTarget): Source {
  return {
    ...source,
    recovery: async (dataDirectory) => {
      const recovery = await source.recovery?.(dataDirectory);
      if (!recovery) throw new Error("a backup is recovered by its repository's log");
      return { ...recovery, target, holdsTarget: true };
    },
  };
}

/** Beside the backup, where whoever has the repository sees it. */
export async function noteRestored(parts: Parts, name: string, label: string, isGood: boolean): Promise<void> {
  const { driver } = await findStanza(parts, name);
  const proof = { at: parts.clock.wallNow(), how: "restored", isGood } as const;
  for (const { number, backups } of await driver.look())
    if (backups.some((backup) => backup.label === label)) return driver.annotate(number, label, { proof });
}

/** The configuration by which a copy was fetched holds what opens the repository. */
export async function removeFetchConfig(parts: Pick<Parts, "home">, cluster: string, volume: string): Promise<void> {
  const directory = configDirectory(parts, cluster);
  for (const file of await readdir(directory).catch(() => []))
    if (file.startsWith(`restore-${basename(volume)}`)) await rm(join(directory, file), { force: true });
}
