/** What this machine, or the container around the agent, has. Called when clusters are made and sized, and for the host's record. */
import { availableParallelism, totalmem } from "node:os";

export interface Machine {
  readonly memoryBytes: number;
  readonly cpus: number;
}

export function machineHere(): Machine {
  // Of a container's limit Node knows; without one it says 0, or a number without meaning.
  const limit = process.constrainedMemory();
  const total = totalmem();
  return { memoryBytes: limit > 0 && limit < total ? limit : total, cpus: availableParallelism() };
}
