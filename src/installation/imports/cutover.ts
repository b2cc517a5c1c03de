/**
 * A live import comes to its end: the source falls silent, the last changes arrive, sequences and large objects are
 * brought, both sides are counted, and the source is left as it was. Whatever fails before the last step leaves the
 * import following as it did, and the source open for writes again.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Asked } from "../../contract/asked.ts";
import { formatSize } from "../../contract/units.ts";
import { lookAtSource } from "../../drivers/postgres/import/look.ts";
import type { Mark } from "../../drivers/postgres/import/mark.ts";
import {
  endOfLog,
  hasArrived,
  lockWrites,
  openByHand,
  readLag,
  readWrites,
} from "../../drivers/postgres/import/publication.ts";
import { SourceSession, type SourceServer } from "../../drivers/postgres/import/source.ts";
import { lookAtFollowing, readSubscription, type Place } from "../../drivers/postgres/import/subscription.ts";
import { endImport, inTarget, readMarks } from "../../drivers/postgres/import/target.ts";
import { OpError } from "../../errors/op-error.ts";
import type { OperationRecord } from "../../events/event.ts";
import { changeOnPrimary, lookOnPrimary, primaryTarget } from "../accounts/primary.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { chooseMark } from "./abandon.ts";
import { compareCounts, copyLargeObjects, refreshViews, setSequences } from "./last-steps.ts";
import { noteCutover, takeBack } from "./cut-short.ts";
import { isOwn, leaveSource } from "./leave-source.ts";
import { dismissPrimary } from "./care.ts";
import { forward, hostOfPrimary } from "./forward.ts";
import { forget, register } from "./running.ts";
import type { Cut, CutoverWish as Wish } from "./work.ts";

/** More than this does not arrive in seconds. */
const lagBytesMax = 64 * 1024 * 1024;
/** The counters of writes are up to a second late. */
const silentMs = 1200;
const lookMs = 50;
const closeBytes = 256 * 1024;
const catchUpMs = 10_000;

export async function cutOver(parts: Parts, cluster: string, wish: Wish, { by }: Asked): Promise<OperationRecord> {
  const [database, mark] = chooseMark(await lookOnPrimary(parts, cluster, readMarks), cluster, wish.database);
  const host = hostOfPrimary(parts, cluster);
  if (host !== undefined) return forward(parts, { host, cluster, verb: "cutover", body: wish }, { by });
  const place = { target: await primaryTarget(parts, cluster), database };
  const { epoch } = clusterOf(parts, cluster).record.reign.value;
  const server = await refuseUnready(place, mark, { cluster, epoch, isFollowed: isOwn(parts, cluster, mark) });
  const step = "looking at both sides";
  const operation = parts.operations.begin({
    kind: "import cutover",
    cluster,
    by,
    stepsTotal: 8,
    step,
    exclusive: true,
  });
  void carryOut(parts, operation, { database, mark, place, server, wish });
  return operation;
}

/** @throws OpError import-refused unless it follows, and is close behind */
async function refuseUnready(
  place: Place,
  mark: Mark,
  { cluster, epoch, isFollowed }: { readonly cluster: string; readonly epoch: number; readonly isFollowed: boolean },
): Promise<SourceServer> {
  const hint = `See: matriarch import status ${cluster}`;
  const following = mark.state === "live" ? await lookAtFollowing(place, mark.name) : undefined;
  const subscribed = await readSubscription(place.target, mark.name);
  if (!following || !subscribed)
    throw new OpError("import-refused", { message: `the import into "${place.database}" is not live`, hint });
  if (!isFollowed)
    throw new OpError("import-refused", {
      message: `the import into "${place.database}" is that of the cluster which this one was made from`,
      hint: `Take what it has brought away with: matriarch import abandon ${cluster}`,
    });
  if (mark.epoch !== epoch)
    throw new OpError("import-refused", { message: "a new primary has not begun to follow the source yet", hint });
  if (following.copied < following.total)
    throw new OpError("import-refused", {
      message: `the first copy is not over: ${following.copied} of ${following.total} tables`,
      detail: `Still copied: ${following.copying.slice(0, 5).join(", ")}.`,
      hint,
    });
  await using session = await SourceSession.open(subscribed.server);
  const lag = await readLag(session, mark.name);
  if (lag === undefined)
    throw new OpError("import-refused", {
      message: "the slot at the source is gone, and with it what was written since",
      hint: `Give it up, and begin again: matriarch import abandon ${cluster}`,
    });
  if (lag.bytes > lagBytesMax)
    throw new OpError("import-refused", { message: `it is ${formatSize(lag.bytes)} behind the source`, hint });
  return subscribed.server;
}

interface Begun {
  readonly database: string;
  readonly mark: Mark;
  readonly place: Place;
  readonly server: SourceServer;
  readonly wish: Wish;
}

async function carryOut(parts: Parts, operation: OperationRecord, begun: Begun): Promise<void> {
  const { cluster, id, by } = operation;
  const directory = join(parts.home, "imports", id);
  const signal = register(id, parts.signal);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await using session = await SourceSession.open(begun.server);
    const step = (text: string): void => void parts.operations.step(id, text);
    const source = await lookAtSource(session);
    const cut: Cut = { ...begun, parts, id, cluster, session, source, directory, signal, step };
    const result = await moveOver(cut);
    const fields = { database: begun.database, source: begun.mark.source, pause_ms: result.pause_ms };
    parts.events.emit("import.cutover", { cluster, actor: by }, fields);
    parts.operations.finish(id, { state: "done", step: "moved over", result });
  } catch (error) {
    if (parts.signal.aborted) return;
    if (!(error instanceof OpError)) parts.log.error("cutover failed", { cluster, error });
    parts.operations.finish(id, { state: "failed", error });
  } finally {
    forget(id);
    await rm(directory, { recursive: true, force: true });
  }
}

async function moveOver(cut: Cut) {
  const { parts, id, cluster, database, mark, place, wish, session, server, step } = cut;
  step("statistics");
  await inTarget(place.target, database, "ANALYZE");
  step("catching up");
  await catchUp(cut);
  // Whoever finds the mark after this agent's death knows that the source is locked.
  const locked = wish.lock_source || mark.cutover?.locked === true;
  await noteCutover(parts, cluster, database, { id, locked });
  const startedAt = performance.now();
  try {
    step(wish.lock_source ? "stopping writes at the source" : "waiting for writes at the source to stop");
    if (wish.lock_source) await lockWrites(session, server.database);
    const silentSince = await awaitSilence(cut);
    step("waiting for the last changes");
    await awaitArrival(cut);
    step("sequences");
    const sequences = await setSequences(cut);
    const large = await copyLargeObjects(cut);
    step("counting rows on both sides");
    const counted = await compareCounts(cut);
    await refreshViews(cut);
    step("leaving the source");
    const left = await leaveSource(parts, cluster, {
      target: place.target,
      database,
      mark: { ...mark, cutover: null },
    });
    await dismissPrimary(parts, cluster, mark);
    await changeOnPrimary(parts, cluster, (admin) => endImport(admin, database));
    const pauseFrom = wish.lock_source ? startedAt : silentSince;
    return {
      database,
      pause_ms: Math.round(performance.now() - pauseFrom),
      ...counted,
      sequences,
      ...(large === 0 ? {} : { large_objects: large }),
      ...(locked ? { source_is: "read-only; to open it again: " + openByHand(server.database) } : {}),
      ...(left === undefined ? {} : { left_at_the_source: left }),
    };
  } catch (error) {
    // What fails here is tried again by whoever looks after the import.
    await takeBack(parts, cluster, { place, mark, server, locked }).catch((cause: unknown) =>
      parts.log.error("a cutover that failed is not taken back yet", { cluster, database, error: cause }),
    );
    throw error;
  }
}

/** What is left to arrive when writes stop is what they wait for. A source that writes faster than this is not waited for. */
async function catchUp({ session, mark, signal }: Cut): Promise<void> {
  const until = performance.now() + catchUpMs;
  while (((await readLag(session, mark.name))?.bytes ?? 0) > closeBytes && performance.now() < until)
    await sleep(lookMs, undefined, { signal });
}

/** @returns since when nothing has been written, as far as the counters tell */
async function awaitSilence({ session, wish, signal, cluster }: Cut): Promise<number> {
  const until = performance.now() + wish.wait_ms;
  let since = performance.now();
  let before = await readWrites(session);
  // Nobody is left who could write once it is locked, and the counters need not be waited for.
  const neededMs = wish.lock_source ? 0 : silentMs;
  while (performance.now() - since < neededMs || before.open > 0) {
    await sleep(lookMs * 4, undefined, { signal });
    const now = await readWrites(session);
    if (now.rows !== before.rows || now.open > 0) since = performance.now();
    before = now;
    if (performance.now() > until)
      throw new OpError("import-refused", {
        message: "the source is still written to",
        detail:
          before.open > 0
            ? `${before.open === 1 ? "1 transaction there has" : `${before.open} transactions there have`} written and not ended.`
            : "Rows change there.",
        hint: `Stop the application, and give the same command again; or: matriarch import cutover ${cluster} --lock-source`,
      });
  }
  return since;
}

async function awaitArrival({ session, mark, wish, signal, cluster }: Cut): Promise<void> {
  const end = await endOfLog(session);
  const until = performance.now() + wish.wait_ms;
  while (!(await hasArrived(session, mark.name, end))) {
    if (performance.now() > until)
      throw new OpError("import-failed", {
        message: "the last changes did not arrive in time",
        detail: "The import goes on following.",
        hint: `See why: matriarch import status ${cluster}`,
      });
    await sleep(lookMs, undefined, { signal });
  }
}
