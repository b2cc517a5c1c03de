/**
 * What the guard hears and says: to its own agent over a Unix socket, to the guards of other hosts over TLS. JSON, one
 * object a line, in both directions. All times are milliseconds of this host's monotonic clock (CLOCK_MONOTONIC, which
 * all processes of a host share), except `sentAt`, which belongs to whoever sent it and comes back unchanged.
 */
import type { HostAddress } from "../domain/host.ts";
import type { GivenPromise, HeldPromise, Heartbeat, PromiseAnswer } from "../domain/lease.ts";
import type { CommitRule, Voter } from "../domain/rule.ts";

/** The agent's word on one member of this host. A feed holds all of them; one that is left out is not cared for. */
export interface MemberFeed {
  readonly cluster: string;
  readonly member: string;
  /** the newest epoch that this host knows to be held */
  readonly epoch: number;
  /** the member holds that epoch */
  readonly holds: boolean;
  /** it serves, or a record that lets clients in may be on its way: its end of time matters */
  readonly open: boolean;
  readonly released: boolean;
  /** under each of these its time must hold */
  readonly rules: readonly CommitRule[];
  /** as a voter; its incarnation is that of the directory */
  readonly voter: Voter;
  /** its vote may stand: nothing is promised for epochs below this */
  readonly votedFor: number | null;
  /** hosts of the members that could promise: heartbeats go there */
  readonly voterHosts: readonly string[];
  /** its server, when it has a process; what fencing ends */
  readonly postmaster: Postmaster | null;
  /** promises that the agent knows of: a guard that has just started goes on with them (same clock) */
  readonly held: readonly HeldPromise[];
}

export interface Postmaster {
  readonly pid: number;
  /** it takes writes, or could */
  readonly isPrimary: boolean;
  /** absolute path; a process of the server has it as its working directory */
  readonly dataDirectory: string;
}

export interface GuardTimings {
  readonly heartbeatMs: number;
  readonly promiseMs: number;
  readonly marginMs: number;
}

/** From the agent. Every request is answered with `{id, ok: true}` once it is in force. */
export type GuardRequest =
  /** the whole picture, whenever it has changed and at least once a second: an agent that stands still stops feeding */
  | { readonly id: number; readonly kind: "feed"; readonly at: number; readonly members: readonly MemberFeed[] }
  /** where the other guards are */
  | {
      readonly id: number;
      readonly kind: "hosts";
      readonly hosts: readonly HostAddress[];
      readonly timings: GuardTimings;
    }
  /** tell the voters that this member's time is given back */
  | { readonly id: number; readonly kind: "release"; readonly cluster: string; readonly epoch: number }
  | { readonly id: number; readonly kind: "status" }
  /** end; nothing is fenced, nothing is sent any more */
  | { readonly id: number; readonly kind: "stop" };

/** To the agent: unasked whenever something has changed, and each heartbeat. */
export interface GuardReport {
  readonly kind: "report";
  readonly startedAt: number;
  readonly pid: number;
  readonly version: string;
  readonly members: readonly MemberReport[];
  /** hosts whose guard was heard within the last heartbeats, with when (this clock) */
  readonly heard: Readonly<Record<string, number>>;
}

export interface MemberReport {
  readonly cluster: string;
  readonly member: string;
  readonly epoch: number;
  readonly held: readonly HeldPromise[];
  readonly given: GivenPromise | null;
  readonly heardHolderAt: number | null;
  /** why this guard ended its server last, and when */
  readonly fenced: { readonly at: number; readonly because: "promises-ended" | "not-holder" | "no-agent" } | null;
}

/** Between guards. One message carries what all clusters have to say to that host. */
export type GuardMessage =
  | { readonly kind: "heartbeats"; readonly heartbeats: readonly Heartbeat[] }
  | { readonly kind: "promises"; readonly promises: readonly PromiseAnswer[] }
  /** frees what heartbeats sent up to then were promised; said several times, because one may get lost */
  | { readonly kind: "release"; readonly cluster: string; readonly epoch: number; readonly sentAt?: number };
