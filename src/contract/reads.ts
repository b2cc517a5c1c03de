/** Reads from standbys: what can be asked of the read endpoint, and what is told of it. */
import { z } from "zod";
import { readFallbacks } from "../domain/cluster.ts";

/** Lag is known to about a second and a half: less could not be held. */
export const maxLagMsMin = 2000;
export const maxLagMsMax = 3_600_000;
export const maxLagBytesMin = 1024 * 1024;

export const maxLagMsSchema = z.int().min(maxLagMsMin).max(maxLagMsMax);

/** For the command line, which knows no clusters as the domain has them. */
export const readFallbackNames = readFallbacks;

/** What is left out stays as it is. */
export const readsRequestSchema = z.strictObject({
  max_lag_ms: maxLagMsSchema.exactOptional(),
  max_lag_bytes: z.int().min(maxLagBytesMin).max(Number.MAX_SAFE_INTEGER).exactOptional(),
  fallback: z.enum(readFallbacks).exactOptional(),
});
export type ReadsRequest = z.infer<typeof readsRequestSchema>;

export const readsStatusSchema = z.object({
  max_lag_ms: z.int(),
  max_lag_bytes: z.int(),
  /** no standby is fit: the primary serves reads, or they wait and are refused */
  fallback: z.enum(readFallbacks),
});

/** Of a standby, as its host sees it. */
export const readLagSchema = z.object({
  lag_bytes: z.number(),
  /** null: longer than its host has been looking */
  lag_ms: z.number().nullable(),
  /** false: too far behind, or not back for long enough */
  serves: z.boolean(),
});
