/** Drains of logs and events, as the API takes and tells them. */
import { z } from "zod";

import { parseTarget } from "../domain/drain.ts";
import { logLevels } from "../domain/log-record.ts";
import type { Asked } from "./asked.ts";

export const drainRequestSchema = z.strictObject({
  /** null: of all clusters, and of the hosts' own processes */
  cluster: z.string().nullable(),
  to: z
    .string()
    .max(2000)
    .superRefine((text, context) => {
      const found = parseTarget(text);
      if (typeof found === "string") context.addIssue(found);
    }),
  /** of this weight or more */
  level: z.enum(logLevels).default("info"),
  /** bearer token that the receiver wants; kept by the hosts alone, and told by no answer */
  token: z
    .string()
    .regex(/^[!-~]{1,4096}$/, "printable characters without spaces")
    .optional(),
  /** certificates of the authority that the receiver's is of, PEM */
  ca: z.string().max(100_000).optional(),
});
export type DrainRequest = z.infer<typeof drainRequestSchema>;
/** As a request is written, before defaults. */
export type DrainWish = z.input<typeof drainRequestSchema>;

export const drainSchema = z.object({
  id: z.string(),
  cluster: z.string().nullable(),
  to: z.string(),
  level: z.enum(logLevels),
  has_token: z.boolean(),
  /** by the host that is asked, since it was added there */
  sent: z.number(),
  /** records that the receiver refused for good */
  rejected: z.number(),
  /** of log files that had to be removed before they were sent */
  dropped_bytes: z.number(),
  failing_since: z.string().nullable(),
  reason: z.string().nullable(),
});
export type DrainStatus = z.infer<typeof drainSchema>;

export const drainChangedSchema = z.object({
  id: z.string(),
  /** hosts that are not heard now: they do the same when they are back */
  missing: z.array(z.object({ host: z.string(), reason: z.string() })),
});
export type DrainChanged = z.infer<typeof drainChangedSchema>;

export const drainTestedSchema = z.object({
  id: z.string(),
  ok: z.boolean(),
  took_ms: z.number(),
  reason: z.string().nullable(),
});
export type DrainTested = z.infer<typeof drainTestedSchema>;

export interface DrainsInstallation {
  list(): Promise<readonly DrainStatus[]>;
  /** the same again changes its level, token and authority */
  add(request: DrainRequest, asked: Asked): Promise<DrainChanged>;
  remove(id: string, asked: Asked): Promise<DrainChanged>;
  /** sends one record now */
  test(id: string): Promise<DrainTested>;
}
