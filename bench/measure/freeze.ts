/** A server that stands still, as when its machine does. Used by the benches that freeze one. */
import { existsSync, readFileSync } from "node:fs";

/** All processes of the server. @returns thaws those that are still a server's */
export function freezeServer(postmaster: number): () => void {
  process.kill(postmaster, "SIGSTOP");
  const frozen = [postmaster, ...childrenOf(postmaster)];
  for (const pid of frozen) trySignal(pid, "SIGSTOP");
  return () => {
    for (const pid of frozen) if (worksAsPostgres(pid)) trySignal(pid, "SIGCONT");
  };
}

function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

function worksAsPostgres(pid: number): boolean {
  return existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("postgres");
}

function trySignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended
  }
}
