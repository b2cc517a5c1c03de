/**
 * The pooler of one cluster on this host: PgBouncer between the pooled endpoint and the primary's. Called by the agent's
 * pools. It goes on without the agent, and is paused by it for a moment while the primary moves.
 */
import type { PoolMode, PoolSpec } from "../../domain/pool.ts";
import type { Restarts } from "../process/port.ts";

export interface PoolerWish {
  readonly pool: PoolSpec;
  /** of the primary's endpoint on this host */
  readonly primaryPort: number;
  /** of all pools together */
  readonly serversMax: number;
  /** a server that nobody has used for so long is let go */
  readonly serverIdleMs: number;
}

/** A role that may log in, with what Postgres keeps of its password: never the password. */
export interface PoolUser {
  readonly name: string;
  readonly verifier: string;
}

/** How its pools are: one for each pair of a database and a user that has come. */
export interface PoolFigures {
  readonly version: string;
  /** by the agent, for a moment */
  readonly isPaused: boolean;
  /** connected, whatever they do */
  readonly clients: number;
  readonly pools: readonly {
    readonly database: string;
    readonly user: string;
    readonly mode: PoolMode;
    /** those that have a server, or need none now */
    readonly clientsActive: number;
    readonly clientsWaiting: number;
    readonly serversActive: number;
    readonly serversIdle: number;
    /** being opened, tested or not looked at for a while */
    readonly serversOther: number;
    /** how long the first in the queue has waited */
    readonly waitMs: number;
  }[];
  /** since the pooler's start, by database */
  readonly totals: readonly {
    readonly database: string;
    readonly transactions: number;
    readonly queries: number;
    readonly receivedBytes: number;
    readonly sentBytes: number;
    /** summed over all */
    readonly transactionMs: number;
    readonly queryMs: number;
    readonly waitMs: number;
  }[];
}

/** late: some transactions had not ended; `open` of them */
export type PauseOutcome = { readonly kind: "paused" } | { readonly kind: "late"; readonly open: number };

export interface PoolerDriver extends Restarts {
  readonly pid: number | undefined;
  /** on loopback; undefined until it runs, and another one after a restart */
  readonly port: number | undefined;
  /**
   * Adopts the one that runs, or starts one; one that was left paused goes on.
   * @param users undefined: not known now, so that those from before may log in
   * @throws OpError pooler-missing, pooler-unreachable
   */
  ensure(wish: PoolerWish, users: readonly PoolUser[] | undefined): Promise<"adopted" | "started">;
  /** In force when it returns; clients notice nothing. */
  configure(wish: PoolerWish): Promise<void>;
  /** Whoever is not named cannot log in any more; who is connected stays. */
  setUsers(users: readonly PoolUser[]): Promise<void>;
  /**
   * Transactions that have begun go on to their end, no other begins; resolves when all have ended or after `withinMs`.
   * Ends by itself after a while, whatever becomes of the agent.
   */
  pause(withinMs: number): Promise<PauseOutcome>;
  resume(): Promise<void>;
  figures(): Promise<PoolFigures>;
  /** How many are connected. */
  clients(): Promise<number>;
  /** Lets go of it; it keeps running. */
  close(): Promise<void>;
  /** Ends it, with every session, and removes its files. */
  stop(): Promise<void>;
}
