/**
 * The programs that volumes are made with, and what they say. Called by the drivers beside it. Nothing here waits for
 * longer than its limit, and no program is given more than paths and numbers.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { OpError } from "../../errors/op-error.ts";

const limitMs = 60_000;
const outputMax = 16 << 20;
/** systems keep the programs of file systems where ordinary users do not look */
const environment = { PATH: "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", LC_ALL: "C" };

interface Limits {
  readonly signal?: AbortSignal;
  readonly withinMs?: number;
}

/** @returns what it printed. @throws OpError volume-failed with what it complained of, or the signal's reason */
export async function runTool(program: string, args: readonly string[], limits: Limits = {}): Promise<string> {
  const { stdout, failure } = await tryTool(program, args, limits);
  limits.signal?.throwIfAborted();
  if (failure === undefined) return stdout;
  throw new OpError("volume-failed", { message: `${program} ${args[0] ?? ""} failed`.trim(), detail: failure });
}

/** What it printed, and what it complained of if it failed; both, for some do half their work. */
export async function tryTool(
  program: string,
  args: readonly string[],
  { signal, withinMs = limitMs }: Limits = {},
): Promise<{ readonly stdout: string; readonly failure: string | undefined }> {
  const options = { env: environment, timeout: withinMs, maxBuffer: outputMax, ...(signal ? { signal } : {}) };
  try {
    const { stdout } = await promisify(execFile)(program, args, options);
    return { stdout, failure: undefined };
  } catch (error) {
    return { stdout: textOf(error, "stdout"), failure: complaintOf(error) };
  }
}

export async function hasTool(program: string): Promise<boolean> {
  return (await tryTool("sh", ["-c", 'command -v -- "$0"', program])).failure === undefined;
}

/** `55 shared`: the first number of a text. @throws OpError volume-failed */
export function numberIn(text: string, pattern: RegExp, what: string): number {
  const found = pattern.exec(text)?.[1];
  if (found !== undefined) return Number(found);
  throw new OpError("volume-failed", { message: `${what} was not understood`, detail: text.slice(0, 500) });
}

function complaintOf(error: unknown): string {
  const said = textOf(error, "stderr").trim();
  if (said !== "") return said.split("\n").slice(-3).join(" ");
  return error instanceof Error ? error.message : String(error);
}

function textOf(error: unknown, stream: "stdout" | "stderr"): string {
  if (!(error instanceof Error)) return "";
  const said: unknown = Object.getOwnPropertyDescriptor(error, stream)?.value;
  return typeof said === "string" ? said : "";
}
