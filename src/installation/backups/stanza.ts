/**
 * What a request about backups works on: the cluster as it is or was, its repositories with their secrets as this host
 * has them, and a driver made of both. Shared by everything here.
 */
import { availableParallelism } from "node:os";
import type { BackupWish, Repository, RepositoryNumber } from "../../domain/backup.ts";
import type { ClusterSpec, MemberRecord } from "../../domain/cluster.ts";
import { readBook, type RepositoryBook } from "../../drivers/pgbackrest/book.ts";
import { PgBackRest } from "../../drivers/pgbackrest/driver.ts";
import type { BackupMember, Stanza } from "../../drivers/pgbackrest/port.ts";
import { OpError } from "../../errors/op-error.ts";
import { clusterOf, isHere, type Parts } from "../parts.ts";

const processesMax = 4;

export interface Found {
  readonly name: string;
  /** undefined: the cluster that was backed up is not there any more */
  readonly spec: ClusterSpec | undefined;
  readonly wish: BackupWish;
  /** of the cluster, or of the one that was */
  readonly systemIdentifier: string;
  readonly stanza: Stanza;
  readonly driver: PgBackRest;
}

/**
 * Of the cluster, when it is backed up; else of the one that had its name before and whose repositories are known here.
 * @throws OpError backups-disabled, cluster-not-found, backup-secrets-missing
 */
export async function findStanza(parts: Parts, name: string): Promise<Found> {
  const now = parts.runtime.clusters.get(name)?.record.spec.value;
  const book = await readBook(parts, name);
  const spec = now?.backups === undefined ? undefined : now;
  const earlier = book && book.systemIdentifier !== now?.systemIdentifier ? book : undefined;
  const wish =
    spec?.backups ?? (earlier && { stanza: earlier.name, repositories: earlier.repositories, policy: earlier.policy });
  if (wish) {
    const stanza = stanzaOf(name, wish, book);
    const systemIdentifier = spec?.systemIdentifier ?? book?.systemIdentifier ?? "";
    return { name, spec, wish, systemIdentifier, stanza, driver: driverOf(parts, stanza) };
  }
  if (!now) clusterOf(parts, name);
  throw disabled(name);
}

export function stanzaOf(cluster: string, wish: BackupWish, book: RepositoryBook | undefined): Stanza {
  return { cluster, name: wish.stanza, repositories: wish.repositories, secrets: book?.secrets ?? [] };
}

export function driverOf(parts: Pick<Parts, "home" | "servers" | "signal">, stanza: Stanza): PgBackRest {
  const processes = Math.min(availableParallelism(), processesMax);
  return new PgBackRest({ places: parts, owner: parts.servers.owner, processes, signal: parts.signal }, stanza);
}

/** @throws OpError backups-disabled for a number that there is not */
export function repositoriesOf(
  { name, wish }: Pick<Found, "name" | "wish">,
  number?: RepositoryNumber,
): readonly Repository[] {
  const found = wish.repositories.filter((one) => number === undefined || one.number === number);
  if (found.length > 0) return found;
  throw new OpError("backups-disabled", {
    message: `cluster "${name}" has no repository ${number}`,
    hint: `See those that it has: matriarch backup show ${name}`,
  });
}

export function disabled(name: string): OpError {
  return new OpError("backups-disabled", {
    message: `cluster "${name}" has no backups in a repository elsewhere`,
    hint: `Give it one: matriarch backup enable ${name} --to s3://BUCKET/PATH`,
  });
}

export function backupMember(parts: Parts, member: MemberRecord): BackupMember {
  const { id, dataDirectory, port } = member;
  return { id, dataDirectory, port, socketDirectory: parts.servers.socketDirectory(id) };
}

/**
 * The host that has the primary's files, where backups are made from. @returns undefined when this one is it
 * @throws OpError no-primary while there is none
 */
export function hostOfWork(parts: Parts, name: string): string | undefined {
  const { record } = clusterOf(parts, name);
  const holder = record.members[record.reign.value.holder]?.value;
  if (!holder || record.reign.value.phase !== "open")
    throw new OpError("no-candidate", {
      message: `cluster "${name}" has no primary at the moment`,
      hint: `See: matriarch explain ${name}`,
    });
  return isHere(parts, holder) ? undefined : holder.host;
}
