/** The ledger of pauses: every time that writes were interrupted, and what that makes together. */
import { z } from "zod";

export const pauseReasons = [
  "switchover",
  "failover",
  "restart",
  "upgrade",
  "config",
  /** the primary ended, and was started again where it was */
  "crash",
  /** `matriarch stop` */
  "stop",
  /** commits waited for standbys */
  "voters",
  "unknown",
] as const;

export const pauseSchema = z.object({
  from: z.string(),
  /** null: it lasts */
  to: z.string().nullable(),
  ms: z.number(),
  why: z.enum(pauseReasons),
  by: z.string(),
  /** the primary afterwards */
  member: z.string().nullable(),
});
export type Pause = z.infer<typeof pauseSchema>;

export const downtimeSchema = z.object({
  cluster: z.string(),
  /** what was asked for, or later: when the cluster was made, or what is still kept */
  since: z.string(),
  until: z.string(),
  /** oldest first */
  pauses: z.array(pauseSchema),
  /** overlapping ones counted once; without the time that it was stopped as asked */
  paused_ms: z.number(),
  longest_ms: z.number(),
  /** stopped as asked: neither up nor down */
  stopped_ms: z.number(),
  /** of the time that it was to run; null when it was not to run at all */
  availability_percent: z.number().nullable(),
});
export type Downtime = z.infer<typeof downtimeSchema>;

export const downtimeQuerySchema = z.strictObject({
  /** ISO 8601 */
  since: z.iso.datetime({ offset: true }).optional(),
});
