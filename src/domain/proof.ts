/**
 * Proofs that what was kept can be restored: when one is due, when it is overdue, what is remembered of it, and how many
 * rows a table can have had at a moment between two counts. Pure; times are wall clock.
 */
import type { ProofPolicy } from "./proof-policy.ts";
import { dailyAtMs } from "./snapshot.ts";

/** What one test restore has shown. */
export interface Proof {
  readonly at: number;
  readonly tookMs: number;
  readonly by: string;
  readonly from: "snapshot" | "backup";
  /** id of the snapshot, or label of the backup */
  readonly base: string;
  /** the moment that it was restored to */
  readonly target: number;
  /** newest commit in the copy; left out when it holds none */
  readonly newestCommit?: number;
  /** what is wrong, in words; empty: it passed */
  readonly problems: readonly string[];
  readonly bytes: number;
  readonly tables: number;
  readonly rows: number;
  /** indexes and tables that amcheck found whole, and those that it did not come to */
  readonly whole: number;
  readonly unchecked: number;
  /** pages whose checksums were computed; 0 when the cluster has none */
  readonly pages: number;
  readonly counts: readonly CountVerdict[];
}

export interface CountVerdict {
  readonly table: string;
  /** in the copy; null: the table is not in it */
  readonly rows: number | null;
  readonly atLeast: number | null;
  readonly atMost: number | null;
  /** unsure: the running cluster was not counted both before and after that moment, or its counters began anew between */
  readonly verdict: "within" | "outside" | "unsure";
}

/** One count of a table of the running cluster, with the server's counters of changes before and after it. */
export interface TableCount {
  readonly table: string;
  readonly begunAt: number;
  readonly endedAt: number;
  readonly rows: number;
  readonly before: Changes;
  readonly after: Changes;
  /** counters with another origin say nothing about these */
  readonly origin: string;
}

export interface Changes {
  readonly inserted: number;
  readonly deleted: number;
}

export interface ProofRecord {
  /** of the cluster that it is about */
  readonly systemIdentifier: string;
  /** oldest first */
  readonly proofs: readonly Proof[];
  readonly counts: readonly TableCount[];
  /** the last that was begun; left out before the first */
  readonly run?: ProofRun;
}

/** Who makes a test restore now, or made the last one. */
export interface ProofRun {
  /** rises by one with each */
  readonly number: number;
  readonly operation: string;
  readonly host: string;
  readonly by: string;
  /** nobody else begins one before that, and it is moved on while this one lasts; 0: it has ended */
  readonly until: number;
}

const dayMs = 86_400_000;
/** Servers add up what sessions did within so long. Source: Postgres, pgstat.c: PGSTAT_IDLE_INTERVAL is 10 s. */
const countersLateMs = 15_000;
const keptProofs = 20;
/** Of silence before another may begin one: a host that is lost must not keep a cluster from being proved. */
export const runHeldMs = 120_000;
const keptCounts = 400;

/** The newest turn up to now: by the cluster's name, so that those of many clusters are spread over days and hours. */
export function proofTurnAt(cluster: string, everyDays: number, now: number): number {
  const everyMs = everyDays * dayMs;
  const minute = dailyAtMs(cluster);
  const jitter = minute + ((minute / 60_000) % everyDays) * dayMs;
  return Math.floor((now - jitter) / everyMs) * everyMs + jitter;
}

interface Scheduled {
  readonly cluster: string;
  readonly policy: ProofPolicy;
  readonly createdAt: number;
  readonly proofs: readonly Proof[];
}

/** A turn that was missed is due until it is taken; a proof that failed is tried again a day later. */
export function isProofDue({ cluster, policy, createdAt, proofs }: Scheduled, now: number): boolean {
  if (policy.everyDays === 0) return false;
  const last = proofs.at(-1);
  // One of the future was made under a clock that was wrong.
  const at = last !== undefined && last.at <= now ? last.at : 0;
  if (last !== undefined && last.problems.length > 0 && now - at >= dayMs) return true;
  return proofTurnAt(cluster, policy.everyDays, now) > Math.max(at, createdAt);
}

export function nextProofAt({ cluster, policy, proofs, createdAt }: Scheduled, now: number): number | undefined {
  if (policy.everyDays === 0) return undefined;
  if (isProofDue({ cluster, policy, proofs, createdAt }, now)) return now;
  const turn = proofTurnAt(cluster, policy.everyDays, now) + policy.everyDays * dayMs;
  const last = proofs.at(-1);
  return last !== undefined && last.problems.length > 0 ? Math.min(turn, last.at + dayMs) : turn;
}

export function lastPassed(proofs: readonly Proof[]): Proof | undefined {
  return proofs.findLast(({ problems }) => problems.length === 0);
}

/** Two turns have passed without one that passed. */
export function isProofOverdue({ policy, createdAt, proofs }: Scheduled, now: number): boolean {
  if (policy.everyDays === 0) return false;
  const since = Math.max(createdAt, policy.since, lastPassed(proofs)?.at ?? 0);
  return now - since > 2 * policy.everyDays * dayMs;
}

/** Whether it keeps others from beginning one. */
export function isRunHeld(run: ProofRun | undefined, now: number): run is ProofRun {
  // One that reaches further was written under a clock that was wrong.
  return run !== undefined && now < run.until && run.until <= now + 2 * runHeldMs;
}

export function withProof(record: ProofRecord, proof: Proof): ProofRecord {
  return { ...record, proofs: [...record.proofs, proof].slice(-keptProofs) };
}

export function withCounts(record: ProofRecord, counts: readonly TableCount[]): ProofRecord {
  return { ...record, counts: [...record.counts, ...counts].slice(-keptCounts) };
}

/**
 * How many rows a table can have had at a moment: not fewer than were counted before it, less what was deleted until the
 * count after it, and not more than were counted before it, with what was inserted until then.
 * @param rows in the copy of that moment; undefined: the table is not there
 */
export function judgeCount(
  table: string,
  rows: number | undefined,
  counts: readonly TableCount[],
  at: number,
): CountVerdict {
  const own = counts.filter((count) => count.table === table);
  const before = own.findLast(({ endedAt }) => endedAt <= at);
  const after = own.find(({ begunAt }) => begunAt >= at);
  const none = { table, rows: rows ?? null, atLeast: null, atMost: null, verdict: "unsure" } as const;
  if (!before) return none;
  // It was there when it was counted before.
  if (!after || before.origin !== after.origin) return none;
  const grown = after.rows - before.rows;
  const inserted = Math.max(0, grown, after.after.inserted - before.before.inserted);
  const deleted = Math.max(0, -grown, after.after.deleted - before.before.deleted);
  const bounds = { atLeast: Math.max(0, before.rows - deleted), atMost: before.rows + inserted };
  if (rows !== undefined && rows >= bounds.atLeast && rows <= bounds.atMost)
    return { table, rows, ...bounds, verdict: "within" };
  const isFresh = after.begunAt - at < countersLateMs && rows !== undefined;
  return { table, rows: rows ?? null, ...bounds, verdict: isFresh ? "unsure" : "outside" };
}

/** Of all that lies in the windows, each second as likely as another. @param chance from 0 up to 1, without it */
export function secondWithin(
  windows: readonly { readonly from: number; readonly until: number }[],
  chance: number,
): number | undefined {
  const seconds = windows.map(({ from, until }) => {
    const first = Math.ceil(from / 1000);
    return { first, count: Math.max(0, Math.floor(until / 1000) - first + 1) };
  });
  const all = seconds.reduce((sum, { count }) => sum + count, 0);
  let left = Math.floor(chance * all);
  for (const { first, count } of seconds) {
    if (left < count) return (first + left) * 1000;
    left -= count;
  }
  // Too young for a whole second.
  return windows.at(-1)?.until;
}
