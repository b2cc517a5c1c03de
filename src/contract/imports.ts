/** Imports of databases from elsewhere, as the API takes them and tells of them. */
import { z } from "zod";

import type { Asked } from "./asked.ts";
import type { Operation } from "./cluster.ts";

/** No null bytes: they would end a text of the protocol, and of the operating system, in its middle. */
const text = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\0]*$/, "it has a null byte");

export const sourceSchema = z.strictObject({
  /** a name, an address, or the directory of a Unix socket */
  host: text,
  port: z.int().min(1).max(65_535),
  user: text,
  database: text,
  /** of the URI: sslmode and the like, nothing secret */
  parameters: z.record(z.string(), z.string()),
});
export type Source = z.infer<typeof sourceSchema>;

export const importRequestSchema = z.strictObject({
  source: sourceSchema,
  /** masked by this name wherever requests are written down; "": none */
  source_password: z.string().max(4096).default(""),
  /** default: the source's name for it */
  database: z.string().optional(),
  /** tables copied at the same time; default: the processors, at most 8 */
  jobs: z.int().min(1).max(64).optional(),
  /** extensions of the source that are left out */
  skip_extensions: z.array(z.string()).max(100).default([]),
  /** initial copy, then what changes, until a cutover */
  live: z.boolean().default(false),
  /** with `live`: tables without a key are set to REPLICA IDENTITY FULL at the source */
  replica_identity_full: z.boolean().default(false),
});
export type ImportRequest = z.input<typeof importRequestSchema>;
export type ImportWish = z.output<typeof importRequestSchema>;

export const importCheckSchema = z.object({
  name: z.string(),
  /** note: it goes on, and this is to be known */
  outcome: z.enum(["ok", "note", "failed"]),
  text: z.string(),
  /** what to do about it */
  hint: z.string().optional(),
});
export type ImportCheck = z.infer<typeof importCheckSchema>;

export const importChecksSchema = z.object({
  /** none of them failed */
  ok: z.boolean(),
  checks: z.array(importCheckSchema),
});
export type ImportChecks = z.infer<typeof importChecksSchema>;

export const importStatusSchema = z.object({
  database: z.string(),
  /**
   * copying: the operation runs. unfinished: it ended and left this. initial: live, first copy. following: live, every
   * change arrives. stuck: live, and it does not go on; `problem` says why
   */
  state: z.enum(["copying", "unfinished", "initial", "following", "stuck"]),
  /** running now; null: none */
  operation: z.string().nullable(),
  source: z.string(),
  begun_at: z.string(),
  tables: z.object({ total: z.int(), copied: z.int(), copying: z.array(z.string()) }).nullable(),
  /** what the source has written and this has not; null when it cannot be asked */
  lag_bytes: z.number().nullable(),
  lag_seconds: z.number().nullable(),
  problem: z.string().nullable(),
});
export type ImportStatus = z.infer<typeof importStatusSchema>;

export const cutoverRequestSchema = z.strictObject({
  /** may be left out while there is one */
  database: z.string().optional(),
  /** the source's database becomes read-only and its sessions are ended */
  lock_source: z.boolean().default(false),
  /** for the source to fall silent, and for the last changes to arrive */
  wait_ms: z.int().min(1000).max(3_600_000).default(60_000),
  /** also tables over a gigabyte are counted */
  count_all: z.boolean().default(false),
});
export type CutoverRequest = z.input<typeof cutoverRequestSchema>;

export const abandonRequestSchema = z.strictObject({ database: z.string().optional() });
export type AbandonRequest = z.infer<typeof abandonRequestSchema>;

export interface ImportsInstallation {
  check(cluster: string, wish: ImportWish): Promise<ImportChecks>;
  /** @throws OpError import-refused with every check that failed */
  begin(cluster: string, wish: ImportWish, asked: Asked): Promise<Operation>;
  list(cluster: string): Promise<readonly ImportStatus[]>;
  cutover(cluster: string, wish: z.output<typeof cutoverRequestSchema>, asked: Asked): Promise<Operation>;
  abandon(cluster: string, wish: AbandonRequest, asked: Asked): Promise<Operation>;
}
