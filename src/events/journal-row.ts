/**
 * The rows of an event file as one host gives them to another: an event, an operation's beginning and steps, or its end.
 * Checked one by one, so that a row which an older version does not understand costs only itself. Pure.
 */
import { z } from "zod";

const host = z.string().min(1).max(255);
const seq = z.int().positive();
/** Wall clock, milliseconds, that can be told as a date. */
const moment = z.int().nonnegative().max(8.64e15);
const json = z.string().refine(isJsonObject, "no JSON object").nullable();

const begunRow = z.object({
  id: z.string().min(1).max(100),
  host,
  seq,
  kind: z.string(),
  cluster: z.string(),
  step: z.string(),
  steps_done: z.int(),
  steps_total: z.int().nullable(),
  started_at: moment,
  by: z.string(),
});

const endRow = z.object({
  id: z.string().min(1).max(100),
  host,
  seq,
  state: z.enum(["done", "failed", "cancelled"]),
  step: z.string().nullable(),
  ended_at: moment,
  result: json,
  error: json,
});

const eventRow = z.object({
  host,
  seq,
  at: moment.transform((at) => new Date(at).toISOString()),
  cluster: z.string(),
  member: z.string().nullable(),
  type: z.string().min(1),
  level: z.enum(["info", "warning", "error"]),
  message: z.string(),
  cause: z.string().nullable(),
  actor: z.string(),
  duration_ms: z.number().nullable(),
  epoch: z.int().nullable(),
  details: z
    .string()
    .refine(isJsonObject, "no JSON object")
    .transform((text) => z.record(z.string(), z.unknown()).parse(JSON.parse(text))),
  once: z.string().nullable(),
});

export const journalRowSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("event"), row: eventRow }),
  z.object({ kind: z.literal("begun"), row: begunRow }),
  z.object({ kind: z.literal("end"), row: endRow }),
]);

export type BegunRow = z.infer<typeof begunRow>;
export type EndRow = z.infer<typeof endRow>;
export type JournalRow = z.infer<typeof journalRowSchema>;

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
