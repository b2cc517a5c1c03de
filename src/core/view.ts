/**
 * What one member's agent knows at one moment: the only input of a decision. Built by the agent's loop and by the
 * simulator. `undefined` means not known, which is never the same as known to be absent.
 */
import type { ClusterRecord, MemberId, Timings } from "../domain/cluster.ts";
import type { GivenPromise, HeldPromise } from "../domain/lease.ts";
import type { Lsn } from "../domain/lsn.ts";
import type { Server } from "../domain/server.ts";
import type { ActionKind } from "./action.ts";

export interface View {
  readonly self: MemberId;
  /** monotonic clock of this host, milliseconds */
  readonly now: number;
  /** wall clock, for what people asked for by the clock (pause) and for records; never for safety */
  readonly wallNow: number;
  readonly timings: Timings;
  /** the newest picture of the store that this host has; it may be old */
  readonly cluster: ClusterRecord;
  /** whether the last talk with the store succeeded */
  readonly storeReachable: boolean;
  /** this member's own server */
  readonly server: Server;
  /** what the other members said last, on their own or through the store */
  readonly peers: Readonly<Record<MemberId, Peer>>;
  readonly lease: LeaseView;
  /** actions under way, with when they began */
  readonly busy: readonly { readonly kind: ActionKind; readonly since: number }[];
  readonly memory: Memory;
}

/** What another member said of itself. */
export interface Peer {
  readonly heardAt: number;
  readonly incarnation: number;
  readonly server: Server;
  /** the epoch it knows */
  readonly epoch: number;
  /** own verdict of its agent: may it be promoted at all */
  readonly eligible: boolean;
}

export interface LeaseView {
  /** when this host's guard started: it lets no member vote before `promiseMs` after that */
  readonly startedAt: number;
  /** as a holder: promises held from voters */
  readonly held: readonly HeldPromise[];
  /** as a voter: what it has promised last */
  readonly given: GivenPromise | undefined;
  /** as a voter: when the holder of the current epoch was heard last */
  readonly heardHolderAt: number | undefined;
}

/** What the loop remembers of earlier actions; lost when the agent restarts. */
export interface Memory {
  /** since when the own position and those of the others would have allowed an election, for taking turns */
  readonly electableSince: number | undefined;
  /** epochs that this member took and could not serve, newest last, by monotonic time */
  readonly failedReigns: readonly number[];
  /** when this member last lost the primary's role by failure */
  readonly lostPrimaryAt: readonly number[];
  /** voters and since when the primary has not seen them stream; known since this agent observes */
  readonly silentSince: Readonly<Record<MemberId, number>>;
  /** log that `acks` remaining voters must have flushed before a laxer rule goes to the store, and since when that holds */
  readonly laxer: { readonly syncNames: string; readonly until: Lsn } | undefined;
  /** the barrier of this epoch has been flushed */
  readonly barrierPassed: number | undefined;
  /** the own server answered well at this moment for the last time */
  readonly healthyAt: number | undefined;
  /** since when a commit has been waiting for voters: no acknowledgement at all */
  readonly blockedSince: number | undefined;
}
