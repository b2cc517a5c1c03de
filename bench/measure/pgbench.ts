/** pgbench with the time of every transaction, for figures of chosen seconds. Used by the benches of what work costs clients. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Transaction {
  /** when it ended, milliseconds since 1970 */
  readonly at: number;
  readonly tookMs: number;
}

const clients = ["-n", "-c", "4", "-j", "1"];
const longestSeconds = "100000";

export async function fillPgbench(uri: string, scale: number): Promise<void> {
  await promisify(execFile)("pgbench", ["-i", "-I", "dtGvp", "-q", "-s", String(scale), uri]);
}

/** @returns transactions a second, of TPC-B with 4 clients */
export async function tpsOf(uri: string, seconds: number): Promise<number> {
  const { stdout } = await promisify(execFile)("pgbench", [...clients, "-T", String(seconds), uri]);
  const tps = /^tps = ([\d.]+)/m.exec(stdout)?.[1];
  if (tps === undefined) throw new Error(`pgbench said nothing of its speed: ${stdout}`);
  return Number(tps);
}

export class Pgbench {
  readonly #child: ChildProcess;
  readonly #directory: string;

  /** @param directory for its logs, without others of theirs */
  constructor(uri: string, directory: string) {
    const prefix = join(directory, "transactions");
    const args = [...clients, "-T", longestSeconds, "-l", `--log-prefix=${prefix}`, uri];
    this.#directory = directory;
    this.#child = spawn("pgbench", args, { stdio: "ignore" });
  }

  /** @returns all of them, but for the last moment */
  async stop(): Promise<readonly Transaction[]> {
    const ended = once(this.#child, "close");
    if (!this.#child.kill("SIGTERM")) throw new Error("pgbench ended by itself");
    await ended;
    const names = (await readdir(this.#directory)).filter((name) => name.startsWith("transactions"));
    const read = await Promise.all(names.map((name) => readFile(join(this.#directory, name), "utf8")));
    for (const name of names) await rm(join(this.#directory, name));
    return read.flatMap((lines) => lines.split("\n").slice(0, -1).map(parse));
  }
}

/** `client transaction took_us script epoch epoch_us`. Source: pgbench(1), Per-Transaction Logging. */
function parse(line: string): Transaction {
  const [, , took, , seconds, micros] = line.split(" ").map(Number);
  return { at: (seconds ?? NaN) * 1000 + (micros ?? NaN) / 1000, tookMs: (took ?? NaN) / 1000 };
}

export interface Window {
  readonly from: number;
  readonly to: number;
}

export interface WindowFigures {
  readonly tps: number;
  /** milliseconds that 99 of 100 took at most */
  readonly p99Ms: number;
}

export function figuresOf(transactions: readonly Transaction[], { from, to }: Window): WindowFigures {
  const within = transactions.filter(({ at }) => at >= from && at < to).map(({ tookMs }) => tookMs);
  const sorted = within.toSorted((a, b) => a - b);
  return { tps: (within.length * 1000) / (to - from), p99Ms: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? NaN };
}

export function perSecond(transactions: readonly Transaction[], { from, to }: Window): readonly number[] {
  const counts = Array.from({ length: Math.floor((to - from) / 1000) }, () => 0);
  for (const { at } of transactions) {
    const second = Math.floor((at - from) / 1000);
    if (counts[second] !== undefined) counts[second] += 1;
  }
  return counts;
}
