/**
 * What `pgbackrest verify --output=text --verbose --log-level-console=info` says: each backup's verdict, and the names of
 * what is damaged. Pure. It ends with 0 whatever it finds. Source: pgBackRest's src/command/verify/verify.c.
 */
import type { RepositoryNumber } from "../../domain/backup.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Verification, VerifiedBackup } from "./port.ts";

const damagedMax = 50;

/** @throws OpError backup-failed when it has come to no verdict */
export function readVerification(repository: RepositoryNumber, said: string, gaps: readonly string[]): Verification {
  // It says all of it twice: as its answer, and in its log.
  const verdicts = new Map(
    [...said.matchAll(/backup: (\S+), status: ([\w -]+?),/g)].map(([, label = "", is]) => [label, is]),
  );
  const backups = [...verdicts].map(([label, is]): VerifiedBackup => ({
    label,
    isGood: is === "valid" || is === "in-progress",
  }));
  const verdict = /status: (ok|error)/.exec(said)?.[1];
  if (verdict === undefined)
    throw new OpError("backup-failed", { message: "pgBackRest's verify came to no verdict", detail: said.slice(-300) });
  const checked = new Map(
    [...said.matchAll(/archiveId: (\S+), total WAL checked: (\d+)/g)].map(([, id, count]) => [id, count]),
  );
  const segments = [...checked.values()].reduce((sum, count) => sum + Number(count), 0);
  const named = [...said.matchAll(/INFO: ((?:invalid checksum|invalid size|missing|file missing|.*unable to).*)$/gm)];
  // Gaps first: there are few of them, and many files in one bundle.
  const damaged = [...gaps, ...named.map(([, words = ""]) => words.trim())];
  const nameless = verdict === "error" && damaged.length === 0 ? ["pgBackRest found errors and named nothing"] : [];
  return { repository, backups, damaged: [...new Set([...damaged, ...nameless])].slice(0, damagedMax), segments };
}

/**
 * Segments that are missing between others of the same timeline, from a listing of the archive's directories.
 * @param names as they lie there: the segment's name, a checksum, what compresses it
 * @param segmentBytes 16 MB unless the server was made otherwise
 */
export function missingSegments(names: readonly string[], segmentBytes = 16 << 20): readonly string[] {
  const perLog = Math.round(2 ** 32 / segmentBytes);
  const numbers = new Map<string, number[]>();
  for (const name of names) {
    const [, timeline, log = "", segment = ""] =
      /(?:^|\/)([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})-[0-9a-f]{40}/.exec(name) ?? [];
    if (timeline === undefined) continue;
    const at = Number.parseInt(log, 16) * perLog + Number.parseInt(segment, 16);
    numbers.set(timeline, [...(numbers.get(timeline) ?? []), at]);
  }
  return [...numbers].flatMap(([timeline, found]) =>
    gapsIn(
      timeline,
      found.toSorted((a, b) => a - b),
      perLog,
    ),
  );
}

function gapsIn(timeline: string, sorted: readonly number[], perLog: number): readonly string[] {
  const name = (at: number): string => `${timeline}${hex(Math.floor(at / perLog))}${hex(at % perLog)}`;
  return sorted.flatMap((at, index) => {
    const before = sorted[index - 1];
    if (before === undefined || at <= before + 1) return [];
    const [from, to] = [name(before + 1), name(at - 1)];
    return [from === to ? `missing from the log: ${from}` : `missing from the log: ${from} to ${to}`];
  });
}

function hex(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, "0");
}
