/**
 * Whether a repository certainly holds all that a cluster had committed until a moment. Recovery takes a log that ends
 * before its target for a failure, and only the cluster itself can say that nothing more had been committed: its primary
 * ends the file that it is writing, and once that is pushed nothing older is missing. Called when a copy is about to be
 * recovered to a time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { RepositoryNumber } from "../../domain/backup.ts";
import type { MemberRecord } from "../../domain/cluster.ts";
import { formatLsn, parseLsn, type Lsn } from "../../domain/lsn.ts";
import type { RecoveryTarget } from "../../domain/recovery.ts";
import { behindSince } from "../../drivers/pgbackrest/push.ts";
import { readWaiting } from "../../drivers/postgres/archive/waiting.ts";
import { OpError } from "../../errors/op-error.ts";
import { isHere, type Parts } from "../parts.ts";
import { servingPrimary } from "../status.ts";
import { askServer } from "./ask-server.ts";
import { inRepositoriesUntil } from "./reach.ts";

const askMs = 5000;
const pushMs = 60_000;
const againMs = 250;
const switchSql = "SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal()) AS name";

const writtenSql = "SELECT pg_catalog.pg_current_wal_insert_lsn()::text AS lsn";

interface Place {
  readonly name: string;
  readonly systemIdentifier: string;
  readonly repository: RepositoryNumber;
}

/** @returns false where that cannot be told: Postgres finds out then */
export async function isPushed(
  parts: Parts,
  { name, systemIdentifier, repository }: Place,
  target: RecoveryTarget,
): Promise<boolean> {
  const isOwn = parts.runtime.clusters.get(name)?.record.spec.value.systemIdentifier === systemIdentifier;
  const member = isOwn ? primaryHere(parts, name) : undefined;
  if ((target.kind !== "time" && target.kind !== "lsn") || !member) return false;
  if (target.kind === "time") {
    const known = await inRepositoriesUntil(parts, { cluster: name, systemIdentifier, member, numbers: [repository] });
    if (known !== undefined && target.ms <= known) return true;
    // A commit's time is taken a moment before its record is written.
    const certainAt = target.ms + 1000;
    await sleep(Math.max(0, certainAt - parts.clock.wallNow()), undefined, { signal: parts.signal });
  }
  const [row] = await askServer(parts, member, switchSql, askMs).catch(() => []);
  const last = row?.["name"];
  if (!last) return false;
  for (const end = parts.clock.now() + pushMs; parts.clock.now() < end; await sleep(againMs)) {
    const { names, isGivenUp } = await readWaiting(member.dataDirectory);
    if (isGivenUp || parts.signal.aborted) return false;
    // The log goes on without it: what waits for nobody is not in it.
    if ((await behindSince(member.dataDirectory, repository)) !== undefined) return false;
    if (!names.some((file) => file <= last)) return true;
  }
  return false;
}

function primaryHere(parts: Parts, name: string): MemberRecord | undefined {
  const cluster = parts.runtime.clusters.get(name);
  const primary = cluster && servingPrimary(cluster);
  const member = primary && cluster.record.members[primary.id]?.value;
  return member && isHere(parts, member) ? member : undefined;
}

/** The end of the log now, as the cluster's primary says it; undefined: it is not on this host, or says nothing. */
export async function writtenUpTo(parts: Parts, name: string): Promise<Lsn | undefined> {
  const member = primaryHere(parts, name);
  const [row] = member ? await askServer(parts, member, writtenSql, askMs).catch(() => []) : [];
  return row?.["lsn"] ? parseLsn(row["lsn"]) : undefined;
}

/**
 * A position that the log has not come to, or that no repository was given.
 * @param end of the log that there is; undefined: not known
 * @throws OpError restore-out-of-window
 */
export function refuseUnwritten(
  name: string,
  { lsn }: Extract<RecoveryTarget, { readonly kind: "lsn" }>,
  end: Lsn | undefined,
): void {
  if (end === undefined || lsn <= end) return;
  throw new OpError("restore-out-of-window", {
    message: `"${name}" cannot be restored to ${formatLsn(lsn)}`,
    detail: `Its log ends at ${formatLsn(end)}.`,
    hint: "Give an earlier position, or none for the newest that there is.",
  });
}

/** Its storage's clock may be another one. */
const slackMs = 60_000;

/**
 * Of a cluster that is gone: what was committed after the newest file came into the repository is not in it.
 * @param newest wall clock of the storage; undefined: not known
 * @throws OpError restore-out-of-window
 */
export function refuseBeyond(name: string, target: RecoveryTarget, newest: number | undefined): void {
  if (target.kind !== "time" || newest === undefined || target.ms <= newest + slackMs) return;
  throw new OpError("restore-out-of-window", {
    message: `the repository has nothing of "${name}" from ${target.text} on`,
    detail: `The newest file of its log came at ${new Date(newest).toISOString()}.`,
    hint: "Give an earlier time, or none for the newest that there is.",
  });
}
