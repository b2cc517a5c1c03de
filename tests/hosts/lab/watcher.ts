/**
 * Counts one number up through any endpoint, and reads it through every endpoint all the time: what finds stale reads.
 * Runs in the recording client's process.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type ClientConfig } from "pg";
import type { Beat, Read } from "../../checker/reads.ts";

export interface WatchPlan {
  readonly table: string;
  /** tried in turn */
  readonly counter: readonly ClientConfig[];
  readonly readers: Readonly<Record<string, ClientConfig>>;
  readonly patienceMs: number;
}

export interface Watched {
  readonly beats: readonly Beat[];
  readonly reads: readonly Read[];
}

const everyMs = 20;

export interface Watcher {
  stop(): Promise<Watched>;
}

/** @param clock milliseconds of CLOCK_MONOTONIC */
export async function watch(plan: WatchPlan, clock: () => number): Promise<Watcher> {
  await makeTable(plan);
  const stopping = new AbortController();
  const beats: Beat[] = [];
  const reads: Read[] = [];
  const loops = [
    count(plan, clock, beats, stopping.signal),
    ...Object.entries(plan.readers).map(([via, target]) => read({ via, target, plan, clock, reads }, stopping.signal)),
  ];
  const done = Promise.all(loops);
  done.catch(() => stopping.abort());
  return {
    stop: async () => {
      stopping.abort();
      await done;
      return { beats, reads };
    },
  };
}

async function makeTable({ counter, table, patienceMs }: WatchPlan): Promise<void> {
  const [first = {}] = counter;
  const client = await connect(first, patienceMs * 10);
  if (!client) throw new Error("no connection for the counter");
  const name = client.escapeIdentifier(table);
  await client.query(`CREATE TABLE IF NOT EXISTS ${name} (n bigint NOT NULL)`);
  await client.query(`INSERT INTO ${name} VALUES (0)`);
  await client.end();
}

/** An update that arrives late, from a session that was given up, must not turn the number back. */
async function count(plan: WatchPlan, clock: () => number, beats: Beat[], stopped: AbortSignal): Promise<void> {
  let turn = 0;
  let client: Client | undefined;
  for (let value = 1; !stopped.aborted; value += 1) {
    client ??= await connect(plan.counter[turn++ % plan.counter.length] ?? {}, plan.patienceMs);
    const counted = await ask(client, `UPDATE ${quote(plan.table)} SET n = greatest(n, $1) RETURNING n`, [value]);
    if (counted === undefined) client = close(client);
    else beats.push({ value, endedAt: clock() });
    await sleep(everyMs);
  }
  close(client);
}

interface Reader {
  readonly via: string;
  readonly target: ClientConfig;
  readonly plan: WatchPlan;
  readonly clock: () => number;
  readonly reads: Read[];
}

async function read({ via, target, plan, clock, reads }: Reader, stopped: AbortSignal): Promise<void> {
  let client: Client | undefined;
  while (!stopped.aborted) {
    client ??= await connect(target, plan.patienceMs);
    const startedAt = clock();
    const value = await ask(client, `SELECT n FROM ${quote(plan.table)}`, []);
    if (value === undefined) client = close(client);
    else reads.push({ startedAt, endedAt: clock(), value, via });
    await sleep(everyMs);
  }
  close(client);
}

/** @returns the number; undefined: no answer, or there is no table yet on that server */
async function ask(client: Client | undefined, sql: string, values: readonly unknown[]): Promise<number | undefined> {
  if (!client) return undefined;
  let warned = false;
  const hear = (): void => void (warned = true);
  client.once("notice", hear);
  try {
    const { rows } = await client.query<{ n: string }>(sql, [...values]);
    // A wait for standbys that was cancelled ends in success with a warning: not acknowledged.
    return warned || rows[0] === undefined ? undefined : Number(rows[0].n);
  } catch {
    return undefined;
  } finally {
    client.off("notice", hear);
  }
}

async function connect(target: ClientConfig, patienceMs: number): Promise<Client | undefined> {
  const client = new Client({ ...target, connectionTimeoutMillis: patienceMs, query_timeout: patienceMs });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return client;
  } catch {
    close(client);
    return undefined;
  }
}

function close(client: Client | undefined): undefined {
  client?.end().catch(() => undefined);
  return undefined;
}

function quote(table: string): string {
  return `"${table.replaceAll('"', '""')}"`;
}
