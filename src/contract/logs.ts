/** Lines of the processes' logs as records, which of them are asked for, and how a reader goes on where it was. */
import { z } from "zod";

import { logLevels, logProcesses } from "../domain/log-record.ts";

export { logLevels, logProcesses };

/** By stream: the file that was read last, and up to where. */
const cursorSchema = z.record(z.string(), z.string().regex(/^\d{1,20}:\d{1,15}$/));

export const logLineSchema = z.object({
  at: z.string(),
  /** null in an installation of one host */
  host: z.string().nullable(),
  process: z.enum(logProcesses),
  cluster: z.string().nullable(),
  member: z.string().nullable(),
  level: z.enum(logLevels),
  message: z.string(),
  /** what else the line says, by the names of Postgres' jsonlog where it is Postgres that speaks */
  fields: z.record(z.string(), z.string()),
});
export type LogLine = z.infer<typeof logLineSchema>;

export const logLinesSchema = z.object({
  /** oldest first, of all members and hosts */
  lines: z.array(logLineSchema),
  /** to be given back unchanged: what has been written since comes next */
  cursor: cursorSchema,
  /** there is more to read at once */
  has_more: z.boolean(),
  /** hosts whose logs are not in here */
  missing: z.array(z.object({ host: z.string(), reason: z.string() })),
});
export type LogLines = z.infer<typeof logLinesSchema>;

export const logLinesMax = 10_000;
const cursorTextMax = 16_384;

export const logsQuerySchema = z.strictObject({
  member: z.string().optional(),
  process: z.enum(logProcesses).optional(),
  /** of this weight or more */
  level: z.enum(logLevels).optional(),
  /** a text that the message or a field has, whatever its case */
  grep: z.string().min(1).max(200).optional(),
  since: z.iso.datetime({ offset: true }).transform(inUtc).optional(),
  until: z.iso.datetime({ offset: true }).transform(inUtc).optional(),
  /** newest so many of all; not with a cursor */
  limit: z.coerce.number().int().min(0).max(logLinesMax).default(100),
  cursor: z
    .string()
    .max(cursorTextMax)
    .transform((text, context) => {
      const parsed = cursorSchema.safeParse(parse(text));
      if (parsed.success) return parsed.data;
      context.addIssue("it is no cursor that an answer gave");
      return z.NEVER;
    })
    .optional(),
  /** only of the host that is asked */
  here: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true"),
});
export type LogQuery = z.output<typeof logsQuerySchema>;

/** Records say their moments so, and are compared as texts. */
function inUtc(text: string): string {
  return new Date(text).toISOString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
