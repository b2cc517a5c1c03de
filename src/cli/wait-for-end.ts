/** Waits until a process that is no child of ours is gone. */
import { setTimeout as sleep } from "node:timers/promises";

import { OpError } from "../errors/op-error.ts";

/** Stopping all servers in order may take a while. */
const deadlineMs = 60_000;
const lookEveryMs = 20;

/** @throws OpError interrupted when it has not ended in time */
export async function waitForEnd(pid: number): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (isAlive(pid)) {
    if (Date.now() > deadline) {
      throw new OpError("interrupted", {
        message: `process ${pid} has not ended after ${deadlineMs / 1000} s`,
        detail: "It was asked to, and may yet do it.",
      });
    }
    await sleep(lookEveryMs);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
