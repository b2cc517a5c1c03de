/**
 * An agent that was stopped (SIGSTOP, a debugger, Ctrl-Z where it runs in a terminal) keeps its socket: the kernel
 * accepts, and nobody answers. It is looked for before anything is sent, so that a change is refused, and not carried
 * out by the agent when it goes on and nobody waits for the answer any more. Called by context.ts. On Linux alone:
 * elsewhere the agent's silence is found by each request's deadline.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { homePaths } from "../../config/home.ts";
import { OpError } from "../../errors/op-error.ts";

/** Somebody may let it go on at once; a check answers within five seconds, with the start of its command. */
const waitMs = 4000;
const lookEveryMs = 50;

/** Comes back when the agent goes on, or ends. @throws OpError agent-unreachable when it stays stopped */
export async function waitWhileFrozen(home: string, onWait: (pid: number) => void): Promise<void> {
  const pid = frozenAgent(home);
  if (pid === undefined) return;
  onWait(pid);
  const deadline = performance.now() + waitMs;
  while (frozenAgent(home) === pid) {
    if (performance.now() > deadline) throw frozen(pid);
    await sleep(lookEveryMs);
  }
}

function frozenAgent(home: string): number | undefined {
  const pid = agentProcess(home);
  return pid !== undefined && isStopped(pid) ? pid : undefined;
}

/** The process that serves this home; undefined where it cannot be told. */
export function agentProcess(home: string): number | undefined {
  try {
    const pid = Number(readFileSync(homePaths(home).pid, "utf8"));
    // One that was killed leaves its file, and its number may be another's by now.
    const isAgent = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(home);
    return isAgent ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** By a signal or by a debugger. Source of the states: proc_pid_stat(5). */
function isStopped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return /^\) [Tt] /.test(stat.slice(stat.lastIndexOf(")")));
  } catch {
    return false;
  }
}

function frozen(pid: number): OpError {
  return new OpError("agent-unreachable", {
    message: "the agent does not answer: its process is stopped",
    detail: `Somebody has frozen process ${pid}. Servers and open sessions go on, but nothing fails over. Nothing was changed.`,
    hint: `Let it go on: kill -CONT ${pid}`,
  });
}
