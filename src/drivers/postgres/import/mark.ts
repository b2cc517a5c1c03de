/**
 * What an import writes on the database that it fills, as the database's comment: it goes with the cluster through
 * every failover, and any host's agent can end or undo what it finds. Never holds a password. Pure.
 */
import { z } from "zod";

const prefix = "Matriarch: import ";

const markSchema = z.object({
  id: z.string(),
  /** of the cluster: in a fork of it the mark is that of another one's import */
  system: z.string(),
  /** copying: being filled. live: filled by a subscription until the cutover */
  state: z.enum(["copying", "live"]),
  /** for people: host:port/database */
  source: z.string(),
  begun: z.string(),
  /** the database was made for this */
  made: z.boolean(),
  /** what was there before in a database that was not */
  extensions: z.array(z.string()),
  /** roles made because policies name them */
  roles: z.array(z.string()),
  /** live: name of publication, slot and subscription */
  name: z.string(),
  /** live: of the cluster, under which the source was told what has arrived */
  epoch: z.int(),
  /** live: tables of the source whose replica identity was changed, quoted */
  identities: z.array(z.string()),
  /** live: of a cutover under way. One whose operation has ended was cut short, and is settled by whoever finds it */
  cutover: z.object({ id: z.string(), locked: z.boolean() }).nullable().default(null),
});
export type Mark = z.infer<typeof markSchema>;

export function markText(mark: Mark): string {
  return prefix + JSON.stringify(mark);
}

export function readMark(comment: string | null | undefined): Mark | undefined {
  if (!comment?.startsWith(prefix)) return undefined;
  try {
    return markSchema.safeParse(JSON.parse(comment.slice(prefix.length))).data;
  } catch {
    return undefined;
  }
}
