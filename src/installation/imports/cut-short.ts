/**
 * A cutover whose agent died in the middle of it, or that could not open the source again: settled by the agent on the
 * primary's host, whichever that is by then. As long as the import still follows, the source takes writes again and
 * everything is as before. Once it follows no more, both sides have been compared already: then it is brought to its end.
 */
import type { Mark } from "../../drivers/postgres/import/mark.ts";
import { unlockWrites } from "../../drivers/postgres/import/publication.ts";
import { SourceSession, type SourceServer } from "../../drivers/postgres/import/source.ts";
import { lookAtFollowing, readSubscription, type Place } from "../../drivers/postgres/import/subscription.ts";
import { endImport, readMarks, writeMark } from "../../drivers/postgres/import/target.ts";
import { changeOnPrimary, lookOnPrimary, primaryTarget } from "../accounts/primary.ts";
import type { Parts } from "../parts.ts";
import { leaveSource } from "./leave-source.ts";
import { isRunningHere } from "./running.ts";

/** Written anew from what stands there: a new primary writes its epoch into the same mark. */
export async function noteCutover(
  parts: Parts,
  cluster: string,
  database: string,
  cutover: Mark["cutover"],
): Promise<void> {
  await changeOnPrimary(parts, cluster, async (admin) => {
    const mark = (await readMarks(admin)).get(database);
    if (mark) await writeMark(admin, database, { ...mark, cutover });
  });
}

export interface Taken {
  readonly place: Place;
  readonly mark: Mark;
  readonly server: SourceServer;
  readonly locked: boolean;
}

/** Switched off by the last step alone: from there on, nothing that is written at the source would arrive. */
async function stillFollows(place: Place, mark: Mark): Promise<boolean> {
  return (await lookAtFollowing(place, mark.name))?.isEnabled === true;
}

/** The source takes writes again. Forgotten only once that is so. */
export async function takeBack(parts: Parts, cluster: string, { place, mark, server, locked }: Taken): Promise<void> {
  if (!(await stillFollows(place, mark))) return;
  if (locked) {
    await using session = await SourceSession.open(server);
    await unlockWrites(session, server.database);
  }
  await noteCutover(parts, cluster, place.database, null);
}

/** @returns "over" when the import has come to its end; undefined when there is nothing to settle */
export async function settleCutover(
  parts: Parts,
  cluster: string,
  database: string,
): Promise<"over" | "follows" | undefined> {
  const mark = (await lookOnPrimary(parts, cluster, readMarks)).get(database);
  if (!mark?.cutover || isRunningHere(mark.cutover.id)) return undefined;
  const target = await primaryTarget(parts, cluster);
  const place = { target, database };
  const about = { database, source: mark.source };
  const { locked } = mark.cutover;
  if (await stillFollows(place, mark)) {
    const subscribed = await readSubscription(target, mark.name);
    if (!subscribed) return undefined;
    await takeBack(parts, cluster, { place, mark, server: subscribed.server, locked });
    parts.events.emit("import.cutover-settled", { cluster }, { ...about, over: false, locked });
    return "follows";
  }
  await leaveSource(parts, cluster, { target, database, mark: { ...mark, cutover: null } });
  await changeOnPrimary(parts, cluster, (admin) => endImport(admin, database));
  parts.events.emit("import.cutover-settled", { cluster }, { ...about, over: true, locked });
  return "over";
}
