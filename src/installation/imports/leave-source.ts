/** What a live import made at the source is taken away, also when the cluster here has no primary. */
import type { Mark } from "../../drivers/postgres/import/mark.ts";
import { unpublish, unpublishByHand } from "../../drivers/postgres/import/publication.ts";
import { SourceSession } from "../../drivers/postgres/import/source.ts";
import { dropSubscription, readSubscription, type Subscribed } from "../../drivers/postgres/import/subscription.ts";
import type { SessionTarget } from "../../drivers/postgres/session/session.ts";

export interface Live {
  readonly database: string;
  readonly mark: Mark;
}

/** @param target of the primary. @returns what is to be typed at the source, when it could not be reached */
export async function leaveSource(target: SessionTarget, { database, mark }: Live): Promise<string | undefined> {
  if (mark.name === "") return undefined;
  const subscribed = await readSubscription(target, mark.name);
  await dropSubscription({ target, database }, mark.name);
  return subscribed && cleanSource(subscribed, mark);
}

/** @returns what is to be typed at the source, when it could not be reached */
async function cleanSource({ oid, server }: Subscribed, mark: Mark): Promise<string | undefined> {
  try {
    await using session = await SourceSession.open(server);
    await unpublish(session, mark.name, mark.identities, oid);
    return undefined;
  } catch {
    return unpublishByHand(mark.name, mark.identities);
  }
}
