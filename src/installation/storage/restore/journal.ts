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

/** Of the host that does it; and the same on each host of a member that is replaced, for what it has of the cluster before. */
type Whose = "restore-in-place.json" | "replaced.json";

function fileOf({ clustersDirectory }: Pick<Parts, "clustersDirectory">, name: string, whose: Whose): string {
  return join(clustersDirectory, name, whose);
}

export async function keepJournal(
  parts: Pick<Parts, "clustersDirectory">,
  name: string,
  journal: InPlaceJournal,
  whose: Whose = "restore-in-place.json",
): Promise<void> {
  await replaceDurably(fileOf(parts, name, whose), `${JSON.stringify(journal, null, 2)}\n`);
}

export async function readJournal(
  parts: Pick<Parts, "clustersDirectory">,
  name: string,
  whose: Whose = "restore-in-place.json",
): Promise<InPlaceJournal | undefined> {
  const text = await readFile(fileOf(parts, name, whose), "utf8").catch(() => undefined);
  return text === undefined ? undefined : parseJournal(JSON.parse(text));
}

/** Also as another host tells it. @throws z.ZodError */
export function parseJournal(told: unknown): InPlaceJournal {
  const { version, ...journal } = schema.parse(told);
  return { ...journal, version };
}

export async function endJournal(
  parts: Pick<Parts, "clustersDirectory">,
  name: string,
  whose: Whose = "restore-in-place.json",
): Promise<void> {
  await rm(fileOf(parts, name, whose), { force: true });
}
