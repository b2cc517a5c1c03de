/** Lines of the members' Postgres logs, and how a reader goes on where it was. */
import { z } from "zod";

const cursorSchema = z.record(z.string(), z.int().min(0));

export const logLinesSchema = z.object({
  lines: z.array(z.object({ member: z.string(), line: z.string() })),
  /** to be given back unchanged: what has been written since comes next */
  cursor: cursorSchema,
  /** hosts whose logs are not in here */
  missing: z.array(z.object({ host: z.string(), reason: z.string() })),
});
export type LogLines = z.infer<typeof logLinesSchema>;
export type LogLine = LogLines["lines"][number];

export const logLinesMax = 10_000;
const cursorTextMax = 16_384;

export const logsQuerySchema = z.strictObject({
  member: z.string().optional(),
  /** newest so many of each member; not with a cursor */
  lines: z.coerce.number().int().min(0).max(logLinesMax).default(50),
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
  /** only members of the host that is asked */
  here: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true"),
});
export type LogQuery = Omit<z.output<typeof logsQuerySchema>, "member" | "cursor"> & {
  readonly member?: string | undefined;
  readonly cursor?: Readonly<Record<string, number>> | undefined;
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
