/**
 * The repositories' secrets on the hosts that need them: those with a member of the cluster. The host that is given them
 * hands them to the others at once; one that was away asks for them when it sees that it lacks some. They go from agent
 * to agent over mutual TLS, and are in no store.
 */
import { z } from "zod";

import { bookSchema, keepBook, readBook, writeBook, type RepositoryBook } from "../../drivers/pgbackrest/book.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import { isHere, type Parts } from "../parts.ts";

const shareMs = 10_000;
const path = "/v1/peer/backup-book";

const bookAnswerSchema = z.object({ book: bookSchema });

export interface BookAnswer {
  /** null: that host has none */
  readonly book: unknown;
}

/** What another host asks or gives. A book that is given replaces the one that was here; one without repositories ends it. */
export async function exchangeBook(
  parts: Pick<Parts, "home">,
  { cluster, book }: { readonly cluster: string; readonly book?: unknown },
): Promise<BookAnswer> {
  if (book === undefined) return { book: (await readBook(parts, cluster)) ?? null };
  await keepBook(parts, bookSchema.parse(book));
  return { book: null };
}

/** @returns hosts that did not take it; they ask for it when they are back */
export async function handOut(parts: Parts, book: RepositoryBook): Promise<readonly string[]> {
  const hosts = hostsOf(parts, book.cluster);
  const left = await Promise.all(
    hosts.map((host) =>
      parts.hosts.call(host, { method: "POST", path, body: { cluster: book.cluster, book }, deadlineMs: shareMs }).then(
        () => [],
        () => [host],
      ),
    ),
  );
  return left.flat();
}

/** Asks the others for what this host lacks. @returns whether it has all of it now */
export async function fetchBook(parts: Parts, spec: ClusterSpec): Promise<boolean> {
  if (hasAll(await readBook(parts, spec.name).catch(() => undefined), spec)) return true;
  for (const host of hostsOf(parts, spec.name)) {
    const call = { method: "POST", path, body: { cluster: spec.name }, deadlineMs: shareMs } as const;
    const answer = await parts.hosts.call(host, call).catch(() => undefined);
    const found = bookAnswerSchema.safeParse(answer);
    if (!found.success || !hasAll(found.data.book, spec)) continue;
    await writeBook(parts, found.data.book);
    return true;
  }
  return false;
}

/** Told that a repository is not the cluster's any more while this host was away, it would keep its secrets for ever. */
export async function forgetOthers(parts: Parts, { name, systemIdentifier, backups }: ClusterSpec): Promise<void> {
  const book = await readBook(parts, name).catch(() => undefined);
  if (!book || book.systemIdentifier !== systemIdentifier) return;
  const known = new Set(backups?.repositories.map(({ secrets }) => secrets));
  const repositories = book.repositories.filter(({ secrets }) => known.has(secrets));
  if (repositories.length === book.repositories.length) return;
  await keepBook(parts, { ...book, repositories, secrets: book.secrets.filter(({ id }) => known.has(id)) });
}

/**
 * A host that can open the repositories of a cluster, also of one that is gone: this one has no member of it, and was given
 * nothing. @returns undefined when this one can, or when nobody who answers can
 */
export async function hostWithSecrets(parts: Parts, cluster: string): Promise<string | undefined> {
  const { hosts } = parts;
  if (hosts.self === undefined) return undefined;
  const spec = parts.runtime.clusters.get(cluster)?.record.spec.value;
  if (spec && spec.backups === undefined) return undefined;
  const isEnough = (book: RepositoryBook | undefined): boolean => book !== undefined && (!spec || hasAll(book, spec));
  if (isEnough(await readBook(parts, cluster).catch(() => undefined))) return undefined;
  for (const { name: host } of hosts.all()) {
    if (host === hosts.self.name || !hosts.isHeard(host)) continue;
    const call = { method: "POST", path, body: { cluster }, deadlineMs: shareMs } as const;
    const answer = bookAnswerSchema.safeParse(await hosts.call(host, call).catch(() => undefined));
    if (answer.success && isEnough(answer.data.book)) return host;
  }
  return undefined;
}

function hasAll(book: RepositoryBook | undefined, { backups }: ClusterSpec): boolean {
  const known = new Set(book?.secrets.map(({ id }) => id));
  return (backups?.repositories ?? []).every(({ secrets }) => known.has(secrets));
}

/** Other hosts with a member of it that are heard; of a cluster that is gone, whoever may have had one. */
function hostsOf(parts: Parts, cluster: string): readonly string[] {
  const record = parts.runtime.clusters.get(cluster)?.record;
  const names = record
    ? Object.values(record.members).flatMap(({ value }) => (isHere(parts, value) ? [] : [value.host]))
    : parts.hosts.all().flatMap(({ name }) => (name === parts.hosts.self?.name ? [] : [name]));
  return [...new Set(names)].filter((host) => parts.hosts.isHeard(host));
}
