/** The repository of a cluster that is not there: it becomes known to this host, so that its backups can be seen and restored. */
import type { Asked } from "../../contract/asked.ts";
import type { BackupKeys, Backups, ConnectRequest } from "../../contract/backups.ts";
import { defaultBackupPolicy } from "../../domain/backup.ts";
import { clusterNameProblem } from "../../domain/names.ts";
import { forgetBook, keepBook, readBook, writeBook, type RepositoryBook } from "../../drivers/pgbackrest/book.ts";
import { refuseUnfit } from "../../drivers/pgbackrest/driver.ts";
import type { RepositoryLook, Stanza } from "../../drivers/pgbackrest/port.ts";
import { problemError } from "../../drivers/pgbackrest/problems.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { readWish } from "./enable.ts";
import { showBackups } from "./look.ts";
import { driverOf, findStanza } from "./stanza.ts";

/**
 * Nothing is written to the repository.
 * @throws OpError bad-name for what no cluster can be called: it would be a path elsewhere on this host
 */
export async function connectRepository(
  parts: Parts,
  name: string,
  request: ConnectRequest,
  { by }: Asked,
): Promise<Backups> {
  const problem = clusterNameProblem(name);
  if (problem !== undefined)
    throw new OpError("bad-name", {
      message: `"${name}" cannot be the name of a cluster`,
      detail: problem,
      hint: "Give the name that the cluster had which was backed up there.",
    });
  if (parts.runtime.clusters.has(name))
    throw new OpError("cluster-exists", {
      message: `cluster "${name}" is there`,
      hint: `Give it a repository of its own: matriarch backup enable ${name}`,
    });
  const { repository, secrets, key } = readWish(request);
  if (key !== null)
    throw new OpError("bad-value", {
      message: "the repository's key is missing",
      hint: "Give the file with the key that was shown when backups were enabled: --key-file. Or --no-encryption.",
    });
  const before = await readBook(parts, name);
  const others = (before?.repositories ?? []).filter(({ number }) => number !== repository.number);
  const stanza = { cluster: name, name, repositories: [repository], secrets: [secrets] };
  await refuseUnfit(0, stanza);
  const database = await newestDatabase(parts, stanza).catch(async (error: unknown) => {
    // What it was asked with holds the credentials.
    await (before ? keepBook(parts, before) : forgetBook(parts, name));
    throw error;
  });
  const book: RepositoryBook = {
    ...stanza,
    systemIdentifier: database.systemIdentifier,
    major: database.major,
    policy: before?.policy ?? defaultBackupPolicy,
    repositories: [...others, repository].toSorted((a, b) => a.number - b.number),
    secrets: [...(before?.secrets ?? []).filter(({ id }) => others.some((one) => one.secrets === id)), secrets],
  };
  await writeBook(parts, book);
  parts.events.emit("backup.connected", { cluster: name, actor: by }, { repository: repository.number });
  return await showBackups(parts, name, true);
}

/** @throws OpError backup-repository */
async function newestDatabase(parts: Parts, stanza: Stanza): Promise<RepositoryLook["databases"][number]> {
  const [look] = await driverOf(parts, stanza).look();
  if (!look || look.problem) throw problemError(look?.problem ?? { kind: "other", text: "it says nothing" });
  const database = look.databases.at(-1);
  if (database) return database;
  throw problemError({ kind: "no-stanza", text: `there is nothing of a cluster "${stanza.name}" in it` });
}

/** Those that the user left here. */
export async function keysOf(parts: Parts, name: string): Promise<BackupKeys> {
  const { wish, stanza } = await findStanza(parts, name);
  const keys = wish.repositories.flatMap(({ number, secrets, escrow }) => {
    const key = stanza.secrets.find(({ id }) => id === secrets)?.key;
    return escrow && key !== undefined ? [{ number, key }] : [];
  });
  if (keys.length > 0) return { keys };
  throw new OpError("backups-disabled", {
    message: `no key of "${name}" is kept for you here`,
    detail: "It was shown once, when backups were enabled without --escrow.",
  });
}
