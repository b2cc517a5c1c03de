/**
 * Sessions that are held open from the client's machine, to see when each ends and what it is told. The program that
 * runs there is sessions-process.ts; this starts it and listens. Used by the test of access.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { ClientConfig } from "pg";
import { z } from "zod";

export interface HeldSession {
  readonly target: ClientConfig;
  /** answered before it counts as open */
  readonly first: readonly string[];
  /** under way from then on */
  readonly then?: string;
}

const endedSchema = z.object({ name: z.string(), at: z.number(), told: z.string() });
/** `at` is the machine's wall clock */
export type Ended = z.infer<typeof endedSchema>;

const endsWithinMs = 60_000;

/** @param client prefix of a command on the client's machine. @returns when all are open; `ended` when none is any more */
export async function holdSessions(
  client: readonly string[],
  sessions: Readonly<Record<string, HeldSession>>,
): Promise<{ readonly ended: Promise<readonly Ended[]> }> {
  const [file = process.execPath, ...args] = client;
  const program = [process.execPath, join(import.meta.dirname, "sessions-process.ts")];
  const child = spawn(file, [...args, ...program], {
    stdio: ["pipe", "pipe", "inherit"],
    timeout: endsWithinMs,
    killSignal: "SIGKILL",
  });
  child.stdin.end(JSON.stringify(sessions));
  const lines = createInterface({ input: child.stdout });
  const open = Promise.withResolvers<void>();
  lines.once("line", () => open.resolve());
  lines.once("close", () => open.reject(new Error("the sessions were not opened")));
  const ended = readAll(lines);
  await open.promise;
  return { ended };
}

async function readAll(lines: Interface): Promise<readonly Ended[]> {
  const ended: Ended[] = [];
  let isOpen = false;
  for await (const line of lines) {
    if (isOpen) ended.push(endedSchema.parse(JSON.parse(line)));
    isOpen = true;
  }
  return ended;
}
