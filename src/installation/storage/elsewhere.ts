/**
 * Asks the other hosts' agents for what only they can see of a cluster. One that does not answer is named,
 * and keeps back nothing of the others. Called by volumes.ts, and for checks and figures.
 */
import type { z } from "zod";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";

/** Less than the command line waits. */
const usualAnswerMs = 7000;

export interface Question<T extends z.ZodType> {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly schema: T;
  readonly answerMs?: number;
}

export interface Missing {
  readonly host: string;
  readonly reason: string;
}

export async function askOthers<T extends z.ZodType>(
  { hosts }: Parts,
  names: readonly string[],
  { method, path, schema, answerMs = usualAnswerMs }: Question<T>,
): Promise<{ readonly answers: readonly z.output<T>[]; readonly missing: readonly Missing[] }> {
  const as = { by: "matriarch", role: method === "GET" ? "viewer" : "operator" } as const;
  const body = method === "POST" ? { body: {} } : {};
  const answers: z.output<T>[] = [];
  const missing: Missing[] = [];
  const ask = async (host: string): Promise<void> => {
    if (!hosts.isHeard(host)) return void missing.push({ host, reason: "its agent is not heard" });
    try {
      const answer = schema.safeParse(await hosts.call(host, { method, path, deadlineMs: answerMs, as, ...body }));
      if (answer.success) answers.push(answer.data);
      else missing.push({ host, reason: "its agent is of another version" });
    } catch (error) {
      if (!(error instanceof OpError)) throw error;
      missing.push({ host, reason: error.message });
    }
  };
  await Promise.all(names.map(ask));
  return { answers, missing };
}
