/**
 * What a live import needs while it follows: on the host of the primary, and of it alone. A new primary may follow only
 * once the source's slot was put back to what the voters had (the one before may have told the source of more than
 * survived it); and that safe place moves on with what the voters have. Called by the agent's entry and by live.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterRuntime } from "../../agent/runtime.ts";
import type { Mark } from "../../drivers/postgres/import/mark.ts";
import { advanceSafeSlot, resetSlot } from "../../drivers/postgres/import/publication.ts";
import { SourceSession } from "../../drivers/postgres/import/source.ts";
import {
  halfCopied,
  passQuorum,
  readProgress,
  readSubscription,
  type Place,
} from "../../drivers/postgres/import/subscription.ts";
import { readMarks, writeMark } from "../../drivers/postgres/import/target.ts";
import { closeGate, isGateOpen, openGate } from "../../drivers/postgres/server/import-gates.ts";
import { changeOnPrimary, lookOnPrimary, primaryTarget } from "../accounts/primary.ts";
import { settleCutover } from "./cut-short.ts";
import { isOwn } from "./leave-source.ts";
import { isHere, type Parts } from "../parts.ts";
import { servingPrimary } from "../status.ts";

const advanceEveryMs = 10_000;
const retryMs = 1000;

/** Looked at last, by cluster: the epoch of a primary on this host. */
const seen = new Map<string, number>();

/** A live import has begun under a primary that was looked at already. */
export function careForLive(parts: Parts, name: string): void {
  const epoch = parts.runtime.clusters.get(name)?.record.reign.value.epoch;
  if (epoch === undefined) return;
  if (caring.has(`${name} ${epoch}`)) again.add(`${name} ${epoch}`);
  else start(parts, name, epoch);
}

const caring = new Set<string>();
/** it may have looked just before there was something to see */
const again = new Set<string>();

function start(parts: Parts, name: string, epoch: number): void {
  const key = `${name} ${epoch}`;
  caring.add(key);
  careDuring(parts, name, epoch)
    .catch((error: unknown) => {
      if (!parts.signal.aborted) parts.log.error("imports not looked after", { cluster: name, error });
    })
    .finally(() => {
      caring.delete(key);
      if (again.delete(key)) start(parts, name, epoch);
    });
}

/** Until the agent ends. Each new primary of this host is looked at once, and again while that fails. */
export function careForImports(parts: Parts): void {
  const look = (name: string): void => {
    const cluster = parts.runtime.clusters.get(name);
    if (!cluster || !hasPrimaryHere(parts, cluster)) return;
    const { epoch } = cluster.record.reign.value;
    if (seen.get(name) === epoch) return;
    seen.set(name, epoch);
    start(parts, name, epoch);
  };
  parts.runtime.onChange(look, parts.signal);
  for (const name of parts.runtime.clusters.keys()) look(name);
}

function hasPrimaryHere(parts: Parts, cluster: ClusterRuntime): boolean {
  const primary = servingPrimary(cluster);
  const record = primary && cluster.record.members[primary.id]?.value;
  return record !== undefined && isHere(parts, record);
}

function isStill(parts: Parts, name: string, epoch: number): boolean {
  const cluster = parts.runtime.clusters.get(name);
  return cluster !== undefined && cluster.record.reign.value.epoch === epoch && hasPrimaryHere(parts, cluster);
}

/** Of clusters with live imports of this epoch; the others cost one question. */
async function careDuring(parts: Parts, name: string, epoch: number): Promise<void> {
  let waitMs = 0;
  while (isStill(parts, name, epoch)) {
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: parts.signal });
    const live = await liveImports(parts, name).catch(() => undefined);
    if (live === undefined) waitMs = retryMs;
    else if (live.length === 0) return;
    else waitMs = await careOnce(parts, name, epoch, live);
  }
}

/** @returns how long to wait */
async function careOnce(parts: Parts, name: string, epoch: number, live: readonly Live[]): Promise<number> {
  let waitMs = advanceEveryMs;
  for (const one of live) {
    try {
      // An application that cannot write waits for this.
      const settled = one.mark.cutover && (await settleCutover(parts, name, one.database));
      if (settled === "over") await dismissPrimary(parts, name, one.mark);
      else if (await letFollow(parts, name, epoch, one)) await moveOn(parts, name, one);
    } catch (error) {
      parts.log.warn("live import not looked after now", { cluster: name, database: one.database, error });
      waitMs = retryMs;
    }
  }
  return waitMs;
}

interface Live {
  readonly database: string;
  readonly mark: Mark;
}

async function liveImports(parts: Parts, name: string): Promise<readonly Live[]> {
  const marks = await lookOnPrimary(parts, name, readMarks);
  return [...marks]
    .filter(([, mark]) => mark.state === "live" && isOwn(parts, name, mark))
    .map(([database, mark]) => ({ database, mark }));
}

/** @returns whether it follows. Safe to repeat from any point: it cannot follow before the last step */
async function letFollow(parts: Parts, name: string, epoch: number, { database, mark }: Live): Promise<boolean> {
  const dataDirectory = primaryDirectory(parts, name);
  if (dataDirectory === undefined || !isStill(parts, name, epoch)) return false;
  if (mark.epoch === epoch && (await isGateOpen(dataDirectory, mark.name))) return true;
  const place: Place = { target: await primaryTarget(parts, name), database };
  if (mark.epoch !== epoch) {
    await closeGate(dataDirectory, mark.name);
    if ((await halfCopied(place, mark.name)).length > 0) return false;
    const subscribed = await readSubscription(place.target, mark.name);
    if (!subscribed) return false;
    await using session = await SourceSession.open(subscribed.server);
    await resetSlot(session, mark.name);
    await changeOnPrimary(parts, name, async (admin) => {
      // Not as it was read a while ago: a cutover may have been settled since.
      const now = (await readMarks(admin)).get(database);
      if (now) await writeMark(admin, database, { ...now, epoch });
    });
  }
  await admitPrimary(parts, name, mark, place);
  return true;
}

/** The primary on this host may follow. */
export async function admitPrimary(parts: Parts, name: string, mark: Mark, { target }: Place): Promise<void> {
  const subscribed = await readSubscription(target, mark.name);
  const dataDirectory = primaryDirectory(parts, name);
  if (!subscribed || dataDirectory === undefined) return;
  await openGate({ dataDirectory, owner: parts.servers.owner }, mark.name, subscribed.server.password);
}

/** Called when an import is over. */
export async function dismissPrimary(parts: Parts, name: string, mark: Mark): Promise<void> {
  const dataDirectory = primaryDirectory(parts, name);
  if (dataDirectory !== undefined && mark.name !== "") await closeGate(dataDirectory, mark.name);
}

function primaryDirectory({ runtime }: Parts, name: string): string | undefined {
  const cluster = runtime.clusters.get(name);
  const primary = cluster && servingPrimary(cluster);
  return primary && cluster.record.members[primary.id]?.value.dataDirectory;
}

/** Read before the voters are asked: what they then have reaches at least so far. */
async function moveOn(parts: Parts, name: string, { database, mark }: Live): Promise<void> {
  const place: Place = { target: await primaryTarget(parts, name), database };
  const lsn = await readProgress(place, mark.name);
  const subscribed = await readSubscription(place.target, mark.name);
  if (lsn === undefined || !subscribed) return;
  await passQuorum(place);
  await using session = await SourceSession.open(subscribed.server);
  await advanceSafeSlot(session, mark.name, lsn);
}
