/** Whether a process stands still after SIGSTOP. A wedged one (state D) cannot move either. */
import { readFileSync } from "node:fs";

export function isStopped(pid: number): boolean {
  try {
    return /\) [TtDZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}
