/**
 * The repositories' secrets on the hosts that need them: those with a member of the cluster. The host that is given them
 * hands them to the others at once; one that was away asks for them when it sees that it lacks some. They go from agent
 * to agent over mutual TLS, and are in no store.
 */
import { z } from "zod";

import { bookSchema, readBook, writeBook, type RepositoryBook } from "../../drivers/pgbackrest/book.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import { isHere, type Parts } from "../parts.ts";

const shareMs = 10_000;
const path = "/v1/peer/backup-book";

const bookAnswerSchema = z.object({ book: bookSchema });

export interface BookAnswer {
  /** null: that host has none */
  readonly book: unknown;
}

/** What another host asks or gives. A book that is given replaces the one that was here. */
export async function exchangeBook(
  parts: Pick<Parts, "home">,
  { cluster, book }: { readonly cluster: string; readonly book?: unknown },
): Promise<BookAnswer> {
  if (book === undefined) return { book: (await readBook(parts, cluster)) ?? null };
  await writeBook(parts, bookSchema.parse(book));
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

function hasAll(book: RepositoryBook | undefined, { backups }: ClusterSpec): boolean {
  const known = new Set(book?.secrets.map(({ id }) => id));
  return (backups?.repositories ?? []).every(({ secrets }) => known.has(secrets));
}

/** Other hosts with a member of it that are heard. */
function hostsOf(parts: Parts, cluster: string): readonly string[] {
  const members = Object.values(parts.runtime.clusters.get(cluster)?.record.members ?? {});
  const names = members.flatMap(({ value }) => (isHere(parts, value) ? [] : [value.host]));
  return [...new Set(names)].filter((host) => parts.hosts.isHeard(host));
}
