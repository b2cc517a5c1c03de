/**
 * Drains of logs in the store, at `drain/<id>`: what is sent, and where. Called by installation/drains. The receivers'
 * tokens are not among it; every host keeps them in a file, and asks the others for one that it lacks.
 */
import { z } from "zod";

import type { DrainEntry } from "../../domain/drain.ts";
import { logLevels } from "../../domain/log-record.ts";
import type { Store } from "./port.ts";

/** For `Store.watch`: all drains. */
export const drainsPrefix = "drain/";

const entrySchema: z.ZodType<DrainEntry> = z.object({
  id: z.string().min(1),
  version: z.string().min(1),
  cluster: z.string().nullable(),
  to: z.string(),
  level: z.enum(logLevels),
  ca: z.string().exactOptional(),
  hasToken: z.boolean(),
});

/** What a newer release wrote in another form is left to that. @throws OpError store-unavailable */
export async function readDrains(store: Store, signal?: AbortSignal): Promise<readonly DrainEntry[]> {
  const { entries } = await store.read(drainsPrefix, signal);
  return entries.flatMap(({ value }) => {
    const parsed = entrySchema.safeParse(value);
    return parsed.success ? [parsed.data] : [];
  });
}

/** In place of one that sent the same to the same. @throws OpError store-unavailable */
export async function writeDrain(store: Store, entry: DrainEntry): Promise<void> {
  await store.commit({ require: [], put: [{ key: drainsPrefix + entry.id, value: entry }] });
}

/** @throws OpError store-unavailable */
export async function removeDrain(store: Store, id: string): Promise<void> {
  await store.commit({ require: [], remove: [drainsPrefix + id] });
}
