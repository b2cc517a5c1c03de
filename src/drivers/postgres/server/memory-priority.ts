/**
 * Which process of a server the kernel ends when memory runs out: never the postmaster, whose end takes the whole server
 * without a word, but one of those that work for sessions. Called when a server is started. Does nothing where the agent
 * is not root: only root may ask for protection.
 * Source: Postgres manual, "Linux Memory Overcommit".
 */
import { writeFileSync } from "node:fs";

const mayProtect = process.platform === "linux" && process.getuid?.() === 0;

/** For the postmaster, which gives what it starts the usual priority again. */
export const memoryPriorityEnvironment: Readonly<Record<string, string>> = mayProtect
  ? { PG_OOM_ADJUST_FILE: "/proc/self/oom_score_adj", PG_OOM_ADJUST_VALUE: "0" }
  : {};

/** At once: whatever the postmaster starts before would be protected too. */
export function protectPostmaster(pid: number): void {
  if (!mayProtect) return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, "-1000");
  } catch {
    // It has ended already, or a container does not let its root do this: the server runs as well without.
  }
}
