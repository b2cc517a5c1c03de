/** Runs the tools of the fault laboratory (ip, nft, mount …) with a deadline. Used by its other files only. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

const toolMs = 30_000;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly withinMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Never throws for an exit code; code null: it was killed, by its deadline too. */
export async function tryTool(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [file = "", ...args] = command;
  const child = spawn(file, args, {
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const deadline = setTimeout(() => child.kill("SIGKILL"), options.withinMs ?? toolMs);
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const code = new Promise<number | null>((resolve, reject) => {
    child.once("close", resolve);
    child.once("error", reject);
  });
  try {
    const [ended, stdout, stderr] = await Promise.all([code, text(child.stdout), text(child.stderr)]);
    return { code: ended, stdout, stderr };
  } finally {
    clearTimeout(deadline);
  }
}

/** @throws Error with what the tool said. @returns its stdout */
export async function tool(...command: readonly string[]): Promise<string> {
  return toolWith(command, {});
}

export async function toolWith(command: readonly string[], options: RunOptions): Promise<string> {
  const ran = await tryTool(command, options);
  if (ran.code === 0) return ran.stdout;
  throw new Error(`${command.join(" ")} ended with ${ran.code}: ${ran.stderr.trim() || ran.stdout.trim()}`);
}
