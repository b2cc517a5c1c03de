/** Runs the user's own command with an application's URI: in its environment and on its stdin, never among its arguments. */
import { spawn } from "node:child_process";
import { once } from "node:events";

import { OpError } from "../../errors/op-error.ts";

export interface Secret {
  readonly variable: string;
  readonly uri: string;
}

/** What it prints goes to stderr: stdout is for this command's result. @throws OpError operation-failed */
export async function handOver(command: string, { variable, uri }: Secret): Promise<void> {
  const child = spawn("/bin/sh", ["-c", command], {
    env: { ...process.env, [variable]: uri },
    stdio: ["pipe", 2, 2],
  });
  // It need not read it.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(`${variable}=${uri}\n`);
  await once(child, "close");
  const { exitCode, signalCode } = child;
  if (exitCode === 0) return;
  throw new OpError("operation-failed", {
    message: `the command of --exec ended with ${signalCode ?? `exit code ${exitCode}`}`,
    detail: "The application is attached, and does not have its URI yet.",
    hint: "Give the same command again: it makes a new password and hands it over.",
  });
}
