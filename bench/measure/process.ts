/** What a process costs, from /proc. Used by the benches of rest and of scale. Linux only. */
import { readFileSync } from "node:fs";

/** clock ticks a second in /proc; always 100 on Linux. Source: sysconf(_SC_CLK_TCK), proc(5) */
const ticks = 100;

export interface MemorySample {
  /** as `ps` shows it: shared pages count in each process */
  readonly rssMib: number;
  /** shared pages divided among those who share them */
  readonly pssMib: number;
}

export function memory(pid: number): MemorySample {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(rollup)?.[1] ?? NaN);
  return { rssMib: kib("Rss") / 1024, pssMib: kib("Pss") / 1024 };
}

/** utime and stime of all its threads. Source: proc(5), fields 14 and 15. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** A postmaster and its processes. Those that end meanwhile are not counted; at rest there are hardly any. */
export function family(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  return [pid, ...children.map(Number)];
}
