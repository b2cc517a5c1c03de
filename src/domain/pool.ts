/** What a user asks of a cluster's pooled endpoint. Pure. */

/**
 * transaction: a server for one transaction. session: for as long as the client stays. statement: for one statement,
 * and no transaction may have more.
 */
export const poolModes = ["transaction", "session", "statement"] as const;
export type PoolMode = (typeof poolModes)[number];

export interface PoolSpec {
  readonly isOn: boolean;
  readonly mode: PoolMode;
  /** servers for each pair of a user and a database, on each host */
  readonly size: number;
  /** more of them, for clients that have waited a while */
  readonly reserve: number;
  /** on each host */
  readonly maxClients: number;
  /** a client that gets no server for so long is refused */
  readonly waitMs: number;
}

/** Transactions, for most applications hold sessions that they do not use. */
export const defaultPool: PoolSpec = {
  isOn: false,
  mode: "transaction",
  size: 20,
  reserve: 5,
  maxClients: 2000,
  waitMs: 60_000,
};

/** Servers that pools leave to everybody else: sessions without a pool, upgrades, people. */
export const serversKeptFree = 10;

/** What all pools of one host may have together. @param hosts each has a pooler of its own */
export function serversForPools(maxConnections: number, hosts: number): number {
  return Math.max(1, Math.floor((maxConnections - serversKeptFree) / Math.max(1, hosts)));
}
