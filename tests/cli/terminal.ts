/** A real terminal (tmux) with a shell in it, for tests of what a person sees. Only tests may import it. */
import { execFile, execFileSync } from "node:child_process";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { cliEntry, type Harness } from "./harness.ts";

const run = promisify(execFile);
const seenWithinMs = 60_000;

export function hasTmux(): boolean {
  try {
    execFileSync("tmux", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

export interface TerminalOptions {
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A terminal of 100 by 30 with a shell in which, unless told otherwise, `matriarch` is the command line of this checkout. */
export async function openTerminal(
  harness: Pick<Harness, "home">,
  { command = ["sh"], env = {} }: TerminalOptions = {},
) {
  // tmux takes PATH from its own environment, and everything else from its arguments.
  const variables: Readonly<Record<string, string>> = {
    MATRIARCH_HOME: harness.home,
    HOME: harness.home,
    LANG: "C.UTF-8",
    PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
    PS1: "> ",
    ...env,
  };
  const socket = `${harness.home}/tmux.sock`;
  const tmux = async (...args: readonly string[]) =>
    (await run("tmux", ["-S", socket, "-f", "/dev/null", ...args], { env: variables })).stdout;
  const given = Object.entries(variables).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  await tmux("new-session", "-d", "-x", "100", "-y", "30", ...given, ...command);
  const screen = () => tmux("capture-pane", "-p");
  return {
    screen,
    type: (line: string) =>
      tmux("send-keys", "-l", "--", env["PATH"] ? line : line.replace("matriarch", `node ${cliEntry}`)),
    key: (name: string) => tmux("send-keys", name),
    async see(pattern: RegExp): Promise<string> {
      for (const deadline = Date.now() + seenWithinMs; Date.now() < deadline; await sleep(20)) {
        const text = await screen();
        if (pattern.test(text)) return text;
      }
      throw new Error(`${pattern} was not seen; the screen:\n${await screen()}`);
    },
    [Symbol.asyncDispose]: async () => void (await tmux("kill-server")),
  };
}
