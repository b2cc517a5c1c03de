/**
 * The end of an enabling that failed, or whose agent ended in the middle: the cluster has the repositories that it had
 * before, no host keeps what was given for the new one, and the empty place that was made in it goes. Its key was shown
 * to nobody: what is encrypted with it would only stand in the way of the next attempt.
 */
import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Repository } from "../../domain/backup.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import { keepBook, readBook, type RepositoryBook } from "../../drivers/pgbackrest/book.ts";
import { OpError } from "../../errors/op-error.ts";
import { amend, type Parts } from "../parts.ts";
import { handOut } from "./share.ts";
import { driverOf, stanzaOf } from "./stanza.ts";

const retryMs = 250;
const busyMs = 20_000;

export interface Enabling {
  readonly spec: ClusterSpec;
  readonly repository: Repository;
  /** with the new repository and its secrets */
  readonly book: RepositoryBook;
  /** first of the directories that were made for it */
  readonly made?: string | undefined;
  /** by an agent that has ended */
  readonly isOther?: boolean;
}

export async function takeBack(parts: Parts, enabling: Enabling): Promise<void> {
  const { spec, repository, book, made } = enabling;
  await withdraw(parts, spec.name, repository);
  await removeFresh(parts, enabling).catch((error: unknown) =>
    parts.log.warn("an empty place stays in a repository", { cluster: spec.name, error }),
  );
  if (repository.place.kind === "path") await removeEmpty(repository.place.path, made);
  await forget(parts, book, repository);
}

/** Those of an enabling whose agent ended: known to this host, and not to the cluster. @returns whether there are any */
export async function takeBackInterrupted(parts: Parts, spec: ClusterSpec): Promise<boolean> {
  const book = await readBook(parts, spec.name);
  if (!book || book.systemIdentifier !== spec.systemIdentifier) return false;
  const known = new Set(spec.backups?.repositories.map(({ secrets }) => secrets));
  const left = book.repositories.filter(({ secrets }) => !known.has(secrets));
  for (const repository of left) await takeBack(parts, { spec, repository, book, isOther: true });
  return left.length > 0;
}

/** First, so that no member pushes any more. */
async function withdraw(parts: Parts, name: string, { secrets }: Repository): Promise<void> {
  await amend(parts, name, ({ spec: { value: now } }) => {
    const { backups, ...without } = now;
    if (!backups?.repositories.some((one) => one.secrets === secrets)) return { require: ["spec"], write: [] };
    const repositories = backups.repositories.filter((one) => one.secrets !== secrets);
    const left = repositories.length === 0 ? {} : { backups: { ...backups, repositories } };
    return {
      require: ["spec"],
      write: [{ key: "spec", value: { ...without, ...left, generation: now.generation + 1 } }],
    };
  });
}

/** Only where there was nothing before: what is not ours stays as it was. */
async function removeFresh(parts: Parts, { spec, repository, book, isOther }: Enabling): Promise<void> {
  if (!book.fresh?.includes(repository.number)) return;
  const { name, policy } = book;
  const alone = driverOf(parts, stanzaOf(spec.name, { stanza: name, policy, repositories: [repository] }, book));
  if (isOther) await alone.halt();
  await untilFree(parts, () => alone.remove(repository.number));
}

/** What was halted keeps its lock for a moment. */
async function untilFree({ signal }: Parts, work: () => Promise<void>): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += retryMs) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof OpError && error.code === "busy") || waitedMs >= busyMs) throw error;
    }
    await sleep(retryMs, undefined, { signal });
  }
}

/** pgBackRest's two, and those above that were made for it; what has something in it stays. */
async function removeEmpty(path: string, made: string | undefined): Promise<void> {
  if (made === undefined) return;
  const above = path.slice(made.length).split("/").filter(Boolean);
  const own = above.map((_, index) => join(made, ...above.slice(0, above.length - index)));
  for (const directory of [join(path, "archive"), join(path, "backup"), ...own, made])
    await rmdir(directory).catch(() => undefined);
}

async function forget(parts: Parts, book: RepositoryBook, { secrets: id }: Repository): Promise<void> {
  const repositories = book.repositories.filter(({ secrets }) => secrets !== id);
  const { fresh: _, ...kept } = book;
  const before = { ...kept, repositories, secrets: book.secrets.filter((one) => one.id !== id) };
  await keepBook(parts, before);
  await handOut(parts, before);
}
