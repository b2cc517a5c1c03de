/**
 * What one member's agent knows at one moment: the only input of a decision. Built by the agent's loop and by the
 * simulator. `undefined` means not known, which is never the same as known to be absent.
 */
import type { ClusterRecord, MemberId, Timings } from "../domain/cluster.ts";
import type { GivenPromise, HeldPromise } from "../domain/lease.ts";
import type { Lsn } from "../domain/lsn.ts";
import type { CommitRule } from "../domain/rule.ts";
import type { Server } from "../domain/server.ts";
import type { ActionKind } from "./action.ts";
import type { Reason } from "./reason.ts";

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
  /** an operation on the cluster runs at some host: it is not to fall asleep */
  readonly isWorkedOn: boolean;
  /** revision of the doze for which every endpoint of every host holds new clients, and has none; else undefined */
  readonly hushed: number | undefined;
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
  /** when this host first saw the current epoch: its holder is given one promise's time to be heard */
  readonly epochSeenAt: number;
  /** as a holder: promises held from voters, for the current epoch */
  readonly held: readonly HeldPromise[];
  /** as a voter: what it has promised last */
  readonly given: GivenPromise | undefined;
  /** as a voter: when the holder of the current epoch was heard last */
  readonly heardHolderAt: number | undefined;
}

/** What the loop remembers of what it saw and did; lost when the agent restarts, and nothing unsafe follows from that. */
export interface Memory {
  /** since when the standing votes allow an election, for taking turns */
  readonly electableSince: number | undefined;
  /** epochs that this member took and could not serve, with when it gave up; newest last */
  readonly failedReigns: readonly { readonly epoch: number; readonly at: number }[];
  /** holder: standbys that do not stream, and since when this agent has seen them silent */
  readonly silentSince: Readonly<Record<MemberId, number>>;
  /** holder: a laxer rule is in force in Postgres; the store may have it once its voters have flushed `until` (P3) */
  readonly laxer: { readonly epoch: number; readonly rule: CommitRule; readonly until: Lsn } | undefined;
  /** what the record being written now says, from before it leaves: others may act on it before its outcome is known */
  readonly asked: AskedRecord | undefined;
  /** records whose outcome is unknown, until `settled` again: a read proves nothing, they may still be on their way */
  readonly unsure: readonly AskedRecord[];
  /** nothing that an earlier life of this agent wrote, or that is unsure, can still arrive (rules/settling.ts) */
  readonly settled: boolean;
  /** the barrier of this epoch, by this run of the server, has been flushed by its voters */
  readonly barrierPassed: { readonly epoch: number; readonly serverSince: number } | undefined;
  /** this directory cannot follow any more and must be rebuilt; until its incarnation has changed */
  readonly rebuild:
    | {
        readonly incarnation: number;
        readonly because: Reason;
        readonly rewindFailed: boolean;
        /** it has log that a forced epoch went on without */
        readonly keeps: boolean;
      }
    | undefined;
  /** there was no room for a copy beside what must be kept, as the agent said */
  readonly noRoom: { readonly at: number; readonly message: string } | undefined;
  /** as promoted: where the own timeline really left its parent */
  readonly fork: { readonly timeline: number; readonly at: Lsn } | undefined;
  /** switchover or restart: its intent, and the steps that are done */
  readonly intent: IntentProgress | undefined;
  /** holder, with autostop: since when there has been no client, and what tells a later one; undefined: there is one */
  readonly idle: { readonly since: number; readonly mark: string } | undefined;
  /** holder: the doze that it sees, and since when all endpoints have held */
  readonly doze:
    | { readonly revision: number; readonly since: number; readonly hushedAt: number | undefined }
    | undefined;
}

/** A record on its way into the store. */
export interface AskedRecord {
  readonly epoch: number;
  /** holder: the lease must hold under this rule too */
  readonly rule: CommitRule | undefined;
  /** holder: clients of other hosts may be let in by it, so its time counts from here (P1) */
  readonly opens: boolean;
  /** standby: its vote may stand, so it follows nobody (P4) */
  readonly votes: boolean;
}

export interface IntentProgress {
  readonly id: string;
  readonly startedAt: number;
  readonly checkpointed: boolean;
  readonly held: boolean;
  /** the server was stopped for this intent at this moment */
  readonly stoppedAt: number | undefined;
  /** restart: how many turns were still to come; `startedAt` begins anew with each that has been had */
  readonly pending?: number;
}

export const emptyMemory: Memory = {
  electableSince: undefined,
  failedReigns: [],
  silentSince: {},
  laxer: undefined,
  asked: undefined,
  unsure: [],
  settled: false,
  barrierPassed: undefined,
  rebuild: undefined,
  noRoom: undefined,
  fork: undefined,
  intent: undefined,
  idle: undefined,
  doze: undefined,
};
