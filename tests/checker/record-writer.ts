/**
 * A client that writes without pause and remembers what it was told of each write: several connections, each inserting
 * one row after another, reconnecting by itself. For tests of faults and for benches; history.ts judges the result.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type ClientConfig, DatabaseError } from "pg";
import type { ServerMark, Write } from "./history.ts";

export interface WriterOptions {
  /** where to write: an endpoint, or several servers that are tried in turn */
  readonly targets: readonly ClientConfig[];
  readonly connections?: number;
  /** made by `prepareTable` */
  readonly table?: string;
  /** a write or a connection that takes longer is given up, and its outcome is unknown */
  readonly patienceMs?: number;
  /** between two writes of a connection */
  readonly pauseMs?: number;
  /** the recorder ends by itself after so many writes */
  readonly writesMax?: number;
}

export interface WriteRecorder {
  /** so far; the same list grows */
  readonly history: readonly Write[];
  /** Waits until so many writes more were acknowledged. @throws Error when that takes longer than `withinMs` */
  acknowledged(count: number, withinMs: number): Promise<void>;
  /** No new writes; returns when those under way have ended. */
  stop(): Promise<readonly Write[]>;
}

const defaultTable = "matriarch_writes";

export async function prepareTable(target: ClientConfig, table = defaultTable): Promise<void> {
  await withClient(target, 10_000, async (client) => {
    await client.query(`CREATE TABLE IF NOT EXISTS ${client.escapeIdentifier(table)} (id text NOT NULL)`);
  });
}

/** Every id that is there, each as often as it is there: no key hides a second one. */
export async function readRows(target: ClientConfig, table = defaultTable): Promise<readonly string[]> {
  return withClient(target, 30_000, async (client) => {
    const { rows } = await client.query<{ id: string }>(`SELECT id FROM ${client.escapeIdentifier(table)}`);
    return rows.map((row) => row.id);
  });
}

export function recordWrites(options: WriterOptions): WriteRecorder {
  const { connections = 4, patienceMs = 10_000, pauseMs = 0, writesMax = 1_000_000, table = defaultTable } = options;
  const history: Write[] = [];
  const stopping = new AbortController();
  const goesOn = (): boolean => !stopping.signal.aborted && history.length < writesMax;
  const work = Array.from({ length: connections }, (_, number) =>
    writeOnOneConnection({ ...options, table, patienceMs, pauseMs }, number, history, goesOn),
  );
  const done = Promise.all(work);
  // Told to whoever waits in `stop`.
  done.catch(() => stopping.abort());
  return {
    history,
    acknowledged: (count, withinMs) => waitForAcknowledged(history, count, withinMs, done),
    stop: async () => {
      stopping.abort();
      await done;
      return history;
    },
  };
}

type Settled = Required<Pick<WriterOptions, "targets" | "table" | "patienceMs" | "pauseMs">>;

async function writeOnOneConnection(
  options: Settled,
  number: number,
  history: Write[],
  goesOn: () => boolean,
): Promise<void> {
  const { targets, patienceMs, pauseMs } = options;
  let turn = number;
  let connection: Connection | undefined;
  while (goesOn()) {
    connection ??= await connect(targets[turn++ % targets.length] ?? {}, patienceMs);
    if (connection === undefined) {
      await sleep(5);
      continue;
    }
    const write = await writeOne(connection, options);
    history.push({ ...write, server: write.outcome === "acknowledged" ? connection.server : undefined });
    if (write.outcome !== "acknowledged") {
      connection.end();
      connection = undefined;
    }
    if (pauseMs > 0) await sleep(pauseMs);
  }
  connection?.end();
}

interface Connection {
  readonly client: Client;
  readonly server: ServerMark;
  /** warnings that came with answers since it was last emptied */
  readonly warnings: string[];
  end(): void;
}

/** @returns undefined when there was no connection to be had: nothing was written, so there is nothing to remember */
async function connect(target: ClientConfig, patienceMs: number): Promise<Connection | undefined> {
  const client = new Client({ ...target, connectionTimeoutMillis: patienceMs, query_timeout: patienceMs });
  // A broken connection shows in the query that it breaks; without a listener it would end the process.
  client.on("error", () => undefined);
  const warnings: string[] = [];
  client.on("notice", (notice) => notice.severity === "WARNING" && warnings.push(notice.message ?? "warning"));
  const end = (): void => void client.end().catch(() => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ recovery: boolean; instance: string; timeline: number }>(markSql);
    const [row] = rows;
    if (row && !row.recovery)
      return { client, server: { instance: row.instance, timeline: row.timeline }, warnings, end };
  } catch {
    // Nothing was written: another try follows.
  }
  end();
  return undefined;
}

/** A server keeps its mark for as long as a session on it lives: a promotion does not touch sessions, it ends recovery. */
const markSql = `
  SELECT pg_catalog.pg_is_in_recovery() AS recovery,
         pg_catalog.pg_postmaster_start_time()::text || ' ' || coalesce(pg_catalog.inet_server_port()::text, pg_catalog.current_setting('port')) AS instance,
         CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0
              ELSE ('x' || substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline`;

async function writeOne({ client, warnings }: Connection, { table }: Settled): Promise<Omit<Write, "server">> {
  const id = randomUUID();
  const sentAt = performance.now();
  try {
    await client.query(`INSERT INTO ${client.escapeIdentifier(table)} VALUES ($1)`, [id]);
    // A wait for standbys that was cancelled ends in success with a warning: the row may be on this server alone.
    const [warning] = warnings.splice(0);
    const outcome = warning === undefined ? "acknowledged" : "unknown";
    return { id, sentAt, endedAt: performance.now(), outcome, error: warning };
  } catch (error) {
    const outcome = isRefusal(error) ? "refused" : "unknown";
    return {
      id,
      sentAt,
      endedAt: performance.now(),
      outcome,
      error: error instanceof Error ? error.message : String(error),
    };
  }
}

/**
 * Errors with which the statement certainly ended before its commit. A FATAL one (a session that is cut: 57P01, 57P02)
 * can arrive while the commit waits for standbys, when the row is in the log already: that is unknown.
 * Source: Postgres manual, "Synchronous Replication"; syncrep.c.
 */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false;
  return error.severity === "ERROR" && error.code !== undefined && !/^(08|40003|57|58|XX)/.test(error.code);
}

async function waitForAcknowledged(
  history: readonly Write[],
  count: number,
  withinMs: number,
  done: Promise<unknown>,
): Promise<void> {
  const since = history.length;
  const deadline = performance.now() + withinMs;
  const isReached = (): boolean => countAcknowledged(history, since) >= count;
  let ended = false;
  done.then(
    () => (ended = true),
    () => (ended = true),
  );
  while (!isReached()) {
    if (ended || performance.now() > deadline) {
      const got = countAcknowledged(history, since);
      throw new Error(
        `${got} of ${count} writes acknowledged within ${withinMs} ms; last error: ${lastError(history)}`,
      );
    }
    await sleep(5);
  }
}

function countAcknowledged(history: readonly Write[], since: number): number {
  return history.slice(since).filter((write) => write.outcome === "acknowledged").length;
}

function lastError(history: readonly Write[]): string {
  return history.findLast((write) => write.error !== undefined)?.error ?? "none";
}

async function withClient<T>(target: ClientConfig, withinMs: number, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ ...target, connectionTimeoutMillis: withinMs, query_timeout: withinMs });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
