/**
 * What `pgbackrest info --output=json` says, in our words. Pure. Fields that are not named are left alone: newer
 * versions add some. Source: pgBackRest's src/command/info/info.c; the format is kept stable by its authors.
 */
import { z } from "zod";
import type { Backup, BackupKind, BackupProof, Repository, RepositoryNumber } from "../../domain/backup.ts";
import { OpError } from "../../errors/op-error.ts";
import { problemOf } from "./problems.ts";
import type { RepositoryLook } from "./port.ts";

const kinds: Readonly<Record<string, BackupKind>> = { full: "full", diff: "differential", incr: "incremental" };

const backupSchema = z.object({
  label: z.string(),
  type: z.enum(["full", "diff", "incr"]),
  annotation: z.record(z.string(), z.string()).nullish(),
  archive: z.object({ start: z.string().nullable(), stop: z.string().nullable() }),
  database: z.object({ "id": z.int(), "repo-key": z.int() }),
  error: z.boolean().nullish(),
  info: z.object({
    size: z.number(),
    delta: z.number(),
    repository: z.object({
      "delta": z.number().nullish(),
      "size": z.number().nullish(),
      "size-map": z.number().nullish(),
    }),
  }),
  lsn: z.object({ start: z.string(), stop: z.string() }).nullish(),
  reference: z.array(z.string()).nullish(),
  timestamp: z.object({ start: z.number(), stop: z.number() }),
});

const stanzaSchema = z.object({
  name: z.string(),
  archive: z.array(
    z.object({
      database: z.object({ "id": z.int(), "repo-key": z.int() }),
      id: z.string(),
      max: z.string().nullable(),
      min: z.string().nullable(),
    }),
  ),
  backup: z.array(backupSchema),
  // Larger than what a JSON number holds: read as text (see `parse`).
  db: z.array(z.object({ "id": z.int(), "repo-key": z.int(), "system-id": z.string(), "version": z.string() })),
  repo: z.array(z.object({ key: z.int(), status: z.object({ code: z.int(), message: z.string() }) })),
});
type StanzaInfo = z.infer<typeof stanzaSchema>;

/** pgBackRest's codes of a repository's state. */
const ok = 0;
const noBackups = 2;

/** @throws OpError backup-failed for what is no answer of `info` */
export function readInfo(text: string, repositories: readonly Repository[]): readonly RepositoryLook[] {
  const [stanza] = parse(text);
  return repositories.map(({ number }) => lookOf(stanza, number));
}

function lookOf(stanza: StanzaInfo | undefined, number: RepositoryNumber): RepositoryLook {
  const here = (one: { readonly "repo-key": number }): boolean => one["repo-key"] === number;
  const status = stanza?.repo.find(({ key }) => key === number)?.status;
  const databases = (stanza?.db ?? []).filter(here).map((db) => ({
    systemIdentifier: db["system-id"],
    major: Number.parseInt(db.version, 10),
    archive: `${db.version}-${db.id}`,
    id: db.id,
  }));
  const archives = (stanza?.archive ?? []).filter(({ database }) => here(database));
  const isUsable = status !== undefined && (status.code === ok || status.code === noBackups);
  return {
    number,
    isEmpty: status === undefined || status.message === "missing stanza path",
    problem: isUsable ? undefined : problemOf(status?.message ?? "missing stanza path"),
    databases,
    backups: (stanza?.backup ?? [])
      .filter(({ database }) => here(database))
      .map((backup) =>
        backupOf(
          backup,
          number,
          databases.find(({ id }) => id === backup.database.id),
        ),
      ),
    newestSegment: archives.find(({ id }) => id === databases.at(-1)?.archive)?.max ?? undefined,
  };
}

function backupOf(
  backup: StanzaInfo["backup"][number],
  repository: RepositoryNumber,
  database: { readonly systemIdentifier: string; readonly major: number } | undefined,
): Backup {
  const { label, annotation, archive, info, lsn, timestamp } = backup;
  const { delta, size } = info.repository;
  const lock = Date.parse(annotation?.["locked-until"] ?? "");
  return {
    label,
    repository,
    kind: kinds[backup.type] ?? "full",
    startedAt: timestamp.start * 1000,
    endedAt: timestamp.stop * 1000,
    bytes: info.size,
    ownBytes: delta ?? info.delta,
    // Of bundles newer versions tell only what the backup itself added.
    repositoryBytes: size ?? delta ?? info.delta,
    wal: { from: archive.start ?? "", to: archive.stop ?? "" },
    lsn: { from: lsn?.start ?? "", to: lsn?.stop ?? "" },
    full: label.slice(0, "20261122-015336F".length),
    needs: backup.reference ?? [],
    systemIdentifier: database?.systemIdentifier ?? "",
    major: database?.major ?? 0,
    hasBadPages: backup.error === true,
    lockedUntil: Number.isNaN(lock) ? undefined : lock,
    proof: proofOf(annotation?.["proof"]),
    operation: annotation?.["operation"],
    spec: annotation?.["spec"],
  };
}

/** `2026-11-22T02:00:00.000Z verified good`, as `formatProof` writes it. */
function proofOf(text: string | undefined): BackupProof | undefined {
  const [at = "", how, verdict] = text?.split(" ") ?? [];
  if (Number.isNaN(Date.parse(at)) || (how !== "verified" && how !== "restored")) return undefined;
  return { at: Date.parse(at), how, isGood: verdict === "good" };
}

export function formatProof({ at, how, isGood }: BackupProof): string {
  return `${new Date(at).toISOString()} ${how} ${isGood ? "good" : "bad"}`;
}

function parse(text: string): readonly StanzaInfo[] {
  try {
    // What a wrong key makes of a file stands in a message as it is.
    const exact = text.replaceAll(/\p{Cc}/gu, " ").replaceAll(/("system-id": ?)(\d+)/g, '$1"$2"');
    return z.array(stanzaSchema).parse(JSON.parse(exact));
  } catch (error) {
    throw new OpError("backup-failed", {
      message: "pgBackRest's answer about its repositories cannot be read",
      cause: error,
    });
  }
}
