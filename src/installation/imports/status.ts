/** How far the imports of a cluster are. What they write on their databases is the record; nothing is kept elsewhere. */
import type { ImportStatus } from "../../contract/imports.ts";
import type { Mark } from "../../drivers/postgres/import/mark.ts";
import { primaryTarget } from "../accounts/primary.ts";
import { clusterOf, type Parts } from "../parts.ts";
import type { SessionTarget } from "../../drivers/postgres/session/session.ts";
import { servingPrimary } from "../status.ts";
import { isOwn, readMarksNow } from "./leave-source.ts";
import { runningOf } from "./abandon.ts";
import { readLag, type Lag } from "../../drivers/postgres/import/publication.ts";
import { SourceSession } from "../../drivers/postgres/import/source.ts";
import {
  halfCopied,
  lookAtFollowing,
  readSubscription,
  type Place,
} from "../../drivers/postgres/import/subscription.ts";

export async function listImports(parts: Parts, cluster: string): Promise<readonly ImportStatus[]> {
  clusterOf(parts, cluster);
  const marks = await readMarksNow(parts, cluster);
  return Promise.all([...marks].map(([database, mark]) => statusOf(parts, cluster, database, mark)));
}

async function statusOf(parts: Parts, cluster: string, database: string, mark: Mark): Promise<ImportStatus> {
  const running = runningOf(parts, mark.id);
  const base = {
    database,
    operation: running?.id ?? null,
    source: mark.source,
    begun_at: mark.begun,
    tables: null,
    lag_bytes: null,
    lag_seconds: null,
  };
  if (running) return { ...base, state: "copying", problem: null };
  if (!isOwn(parts, cluster, mark))
    return { ...base, state: "unfinished", problem: "it is that of the cluster which this one was made from" };
  if (servingPrimary(clusterOf(parts, cluster)) === undefined)
    return { ...base, state: "stuck", problem: "the cluster has no primary now" };
  if (mark.state === "live") return { ...base, ...(await liveStatus(parts, cluster, database, mark)) };
  return { ...base, state: "unfinished", problem: "the import ended before its end, and left this" };
}

type Live = Pick<ImportStatus, "state" | "tables" | "lag_bytes" | "lag_seconds" | "problem">;

async function liveStatus(parts: Parts, cluster: string, database: string, mark: Mark): Promise<Live> {
  const place = { target: await primaryTarget(parts, cluster), database };
  const following = await lookAtFollowing(place, mark.name);
  if (!following)
    return { state: "stuck", tables: null, lag_bytes: null, lag_seconds: null, problem: "the subscription is gone" };
  const { total, copied, copying, isEnabled, isRunning } = following;
  const { lag, problem } = await lagOf(place.target, mark);
  const silent = isEnabled ? "its worker does not run now; the reason is in: matriarch logs" : "it was disabled";
  const isCutShort = mark.cutover !== null && runningOf(parts, mark.cutover.id) === undefined;
  const why =
    (isCutShort ? "a cutover was cut short, and is being settled: the source must be reached for that" : undefined) ??
    (await afterFailover(parts, cluster, place, mark)) ??
    problem ??
    (isEnabled && isRunning ? null : `${silent} ${isEnabled ? cluster : ""}`.trim());
  return {
    state: why !== null ? "stuck" : copied < total ? "initial" : "following",
    tables: { total, copied, copying: copying.slice(0, 20) },
    lag_bytes: lag?.bytes ?? null,
    lag_seconds: lag?.seconds ?? null,
    problem: why,
  };
}

async function afterFailover(parts: Parts, cluster: string, place: Place, mark: Mark): Promise<string | undefined> {
  if (clusterOf(parts, cluster).record.reign.value.epoch === mark.epoch) return undefined;
  const half = await halfCopied(place, mark.name);
  if (half.length === 0) return "a new primary: the slot at the source is being put back to what it has";
  return `a failover came while ${half.slice(0, 5).join(", ")} was being copied: give it up, and begin again`;
}

async function lagOf(target: SessionTarget, mark: Mark): Promise<{ readonly lag?: Lag; readonly problem?: string }> {
  try {
    const subscribed = await readSubscription(target, mark.name);
    if (!subscribed) return {};
    await using session = await SourceSession.open(subscribed.server);
    const lag = await readLag(session, mark.name);
    return lag ? { lag } : { problem: "its slot at the source is gone: give it up and begin again" };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
