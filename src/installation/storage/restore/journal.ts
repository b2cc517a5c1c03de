/** What a restore in place is about, for the agent that comes after one that ended in the middle of it. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { ClusterSpec, MemberRecord } from "../../../domain/cluster.ts";
import { replaceDurably } from "../../../drivers/postgres/provision/durable.ts";
import { memberSchema, specSchema } from "../../../drivers/store/record-schemas.ts";
import type { Parts } from "../../parts.ts";

export interface InPlaceJournal {
  /** has the copy */
  readonly first: MemberRecord;
  /** they copy the first */
  readonly others: readonly MemberRecord[];
  /** those that were there before, by what they are replaced */
  readonly replaced: readonly MemberRecord[];
  /** that wrote last */
  readonly holder: string;
  /** of Postgres, for the embedded engine */
  readonly version: string | undefined;
  readonly wasRunning: boolean;
  /** of the cluster that is replaced */
  readonly before: ClusterSpec;
}

const schema = z.strictObject({
  first: memberSchema,
  others: z.array(memberSchema),
  replaced: z.array(memberSchema),
  holder: z.string(),
  version: z.string().optional(),
  wasRunning: z.boolean(),
  before: specSchema,
});

function fileOf({ clustersDirectory }: Pick<Parts, "clustersDirectory">, name: string): string {
  return join(clustersDirectory, name, "restore-in-place.json");
}

export async function keepJournal(
  parts: Pick<Parts, "clustersDirectory">,
  name: string,
  journal: InPlaceJournal,
): Promise<void> {
  await replaceDurably(fileOf(parts, name), `${JSON.stringify(journal, null, 2)}\n`);
}

export async function readJournal(
  parts: Pick<Parts, "clustersDirectory">,
  name: string,
): Promise<InPlaceJournal | undefined> {
  const text = await readFile(fileOf(parts, name), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { version, ...journal } = schema.parse(JSON.parse(text));
  return { ...journal, version };
}

export async function endJournal(parts: Pick<Parts, "clustersDirectory">, name: string): Promise<void> {
  await rm(fileOf(parts, name), { force: true });
}
