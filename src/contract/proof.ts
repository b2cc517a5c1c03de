/** Proofs that what is kept of a cluster can be restored: what the API says of them and takes for them. */
import { z } from "zod";
import type { Asked } from "./asked.ts";
import type { Operation } from "./cluster.ts";

/** Names with other characters would have to be quoted, and are not taken. */
const table = z.string().regex(/^[^."\s\0]{1,63}\.[^."\s\0]{1,63}\.[^."\s\0]{1,63}$/, "DATABASE.SCHEMA.TABLE");

export const proofRequestSchema = z.strictObject({
  /** said by an agent that forwards: of what this host has, or not at all */
  here: z.boolean().default(false),
});
export type ProofRequest = z.output<typeof proofRequestSchema>;

export const proofPolicyRequestSchema = z.strictObject({
  /** 0: never by itself */
  every_days: z.int().min(0).max(90).optional(),
  /** `DATABASE.SCHEMA.TABLE`: added to those whose rows are counted */
  add_tables: z.array(table).max(20).optional(),
  remove_tables: z.array(table).max(20).optional(),
});
export type ProofPolicyRequest = z.output<typeof proofPolicyRequestSchema>;

export const proofSchema = z.object({
  made_at: z.string(),
  took_ms: z.int(),
  by: z.string(),
  passed: z.boolean(),
  from: z.enum(["snapshot", "backup"]),
  /** the snapshot or backup that it began with */
  base: z.string(),
  restored_to: z.string(),
  /** newest commit in the copy; null: it holds none */
  newest_change: z.string().nullable(),
  problems: z.array(z.string()),
  size_bytes: z.number(),
  tables: z.int(),
  rows_about: z.number(),
  checked: z.int(),
  unchecked: z.int(),
  pages: z.int(),
  counts: z.array(
    z.object({
      table: z.string(),
      /** null: it is not in the copy */
      rows: z.number().nullable(),
      /** what the running cluster can have had at that moment; null: nobody counted before and after it */
      at_least: z.number().nullable(),
      at_most: z.number().nullable(),
      verdict: z.enum(["within", "outside", "unsure"]),
    }),
  ),
});
export type ProofStatus = z.infer<typeof proofSchema>;

export const proofsSchema = z.object({
  cluster: z.string(),
  every_days: z.int(),
  tables: z.array(z.string()),
  /** null: never by itself */
  next_at: z.string().nullable(),
  last_passed_at: z.string().nullable(),
  is_overdue: z.boolean(),
  /** oldest first */
  proofs: z.array(proofSchema),
});
export type Proofs = z.infer<typeof proofsSchema>;

export interface ProofsInstallation {
  /** @throws OpError restore-out-of-window, too-little-disk, busy */
  begin(cluster: string, request: ProofRequest, asked: Asked): Promise<Operation>;
  show(cluster: string): Promise<Proofs>;
  /** @throws OpError bad-value for a table that is not there */
  set(cluster: string, request: ProofPolicyRequest, asked: Asked): Promise<Proofs>;
}
