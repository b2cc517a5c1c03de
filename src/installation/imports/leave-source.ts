/** What a live import made at the source is taken away, also when the cluster here has no primary. */
import { lookAtAccounts } from "../../drivers/postgres/accounts/admin.ts";
import type { Mark } from "../../drivers/postgres/import/mark.ts";
import { openByHand, unlockWrites, unpublish, unpublishByHand } from "../../drivers/postgres/import/publication.ts";
import { SourceSession } from "../../drivers/postgres/import/source.ts";
import {
  dropFollower,
  dropKeeper,
  readSubscription,
  type Subscribed,
} from "../../drivers/postgres/import/subscription.ts";
import { readMarks } from "../../drivers/postgres/import/target.ts";
import type { SessionTarget } from "../../drivers/postgres/session/session.ts";
import { lookOnPrimary } from "../accounts/primary.ts";
import { servingPrimary } from "../status.ts";
import { clusterOf, type Parts } from "../parts.ts";

export interface Live {
  readonly database: string;
  readonly mark: Mark;
}

/** In a fork the source serves the cluster that it was made from, and is left alone. */
export function isOwn(parts: Parts, cluster: string, { system }: Mark): boolean {
  return clusterOf(parts, cluster).record.spec.value.systemIdentifier === system;
}

/**
 * Can be repeated from wherever it ended. A source that a cutover has locked is opened, when the mark says so.
 * @param target of the primary. @returns what is to be typed at the source, when it could not be reached
 */
export async function leaveSource(
  parts: Parts,
  cluster: string,
  { target, database, mark }: Live & { readonly target: SessionTarget },
): Promise<string | undefined> {
  if (mark.name === "") return undefined;
  const subscribed = await readSubscription(target, mark.name);
  await dropFollower({ target, database }, mark.name);
  const left = subscribed && isOwn(parts, cluster, mark) ? await cleanSource(subscribed, mark) : undefined;
  await dropKeeper({ target, database }, mark.name);
  return left;
}

/** @returns what is to be typed at the source, when it could not be reached */
async function cleanSource({ oid, server }: Subscribed, mark: Mark): Promise<string | undefined> {
  try {
    await using session = await SourceSession.open(server);
    if (mark.cutover?.locked) await unlockWrites(session, server.database);
    await unpublish(session, mark.name, mark.identities, oid);
    return undefined;
  } catch {
    const open = mark.cutover?.locked ? ` ${openByHand(server.database)}` : "";
    return `${unpublishByHand(mark.name, mark.identities)}${open}`;
  }
}

/** The primary's, or while there is none what any member knows. @throws OpError no-primary, cluster-stopped */
export async function readMarksNow(parts: Parts, cluster: string): Promise<ReadonlyMap<string, Mark>> {
  if (servingPrimary(clusterOf(parts, cluster)) === undefined) {
    const known = await readMarksAnywhere(parts, cluster);
    if (known.size > 0) return known;
  }
  return lookOnPrimary(parts, cluster, readMarks);
}

/** As any member that answers knows it, a standby too. */
export async function readMarksAnywhere(parts: Parts, cluster: string): Promise<ReadonlyMap<string, Mark>> {
  for (const target of memberTargets(parts, cluster)) {
    const marks = await lookAtAccounts(target, readMarks).catch(() => undefined);
    if (marks) return marks;
  }
  return new Map();
}

/**
 * The source is left clean while the cluster here stays as it is: it has no primary, or is about to be destroyed.
 * @returns what is to be typed at the source, when it could not be reached or is not known here
 */
export async function leaveSourceAlone(parts: Parts, cluster: string, mark: Mark): Promise<string | undefined> {
  if (!isOwn(parts, cluster, mark)) return undefined;
  for (const target of memberTargets(parts, cluster)) {
    const subscribed = await readSubscription(target, mark.name).catch(() => undefined);
    if (subscribed) return cleanSource(subscribed, mark);
  }
  return unpublishByHand(mark.name, mark.identities);
}

function memberTargets(parts: Parts, cluster: string): readonly SessionTarget[] {
  const { members, record } = clusterOf(parts, cluster);
  return [...members.values()].flatMap(({ id, socketDirectory, server }) => {
    const port = record.members[id]?.value.port;
    return port === undefined || server.kind !== "running" ? [] : [{ socketDirectory, port }];
  });
}
