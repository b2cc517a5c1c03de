/**
 * What a decision can ask for. Actions are data and safe to repeat; the agent carries them out (agent/act.ts), the
 * simulator does the same on its model. One that opens a server to writes carries the epoch under which it was
 * decided, and the driver refuses it under any other; fencing is never refused.
 */
import type { ClusterTxn, MemberId } from "../domain/cluster.ts";
import type { Lsn } from "../domain/lsn.ts";
import type { CommitRule } from "../domain/rule.ts";
import type { Timeline } from "../domain/timeline.ts";

export type Action =
  | FenceAction
  | StopAction
  | StartAction
  | FollowAction
  | StopReceiverAction
  | PromoteAction
  | SetRuleAction
  | BarrierAction
  | CheckpointAction
  | SlotsAction
  | ConfigureAction
  | RewindAction
  | CloneAction
  | RemoveMemberAction
  | HoldClientsAction
  | RecordAction
  | ReleaseAction;

export type ActionKind = Action["kind"];

/** No more writes at once: sessions cut, immediate stop, SIGKILL when that does not end it. */
export interface FenceAction {
  readonly kind: "fence";
}
/** A stop in order, within a bound; a primary's walsenders flush to the standbys first. */
export interface StopAction {
  readonly kind: "stop";
  readonly withinMs: number;
  /** what to do at the bound: give up and leave it running, or stop it hard */
  readonly then: "give-up" | "fence";
}
export interface StartAction {
  readonly kind: "start";
  readonly as: "standby" | "primary";
  /** for a primary: the epoch held */
  readonly epoch: number;
  /** for a primary: in force before the first session */
  readonly rule: CommitRule;
  /** for a standby: whom to stream from; null: from nobody */
  readonly upstream: MemberId | null;
}
/** Stream from `upstream`, by reload. */
export interface FollowAction {
  readonly kind: "follow";
  readonly upstream: MemberId;
}
/** No stream from anybody, and no WAL receiver left when it returns. */
export interface StopReceiverAction {
  readonly kind: "stop-receiver";
}
/** Become primary on `timeline`; every timeline in `known` is planted first, so that Postgres chooses that id (P6). */
export interface PromoteAction {
  readonly kind: "promote";
  readonly epoch: number;
  readonly timeline: number;
  readonly known: readonly Timeline[];
  readonly rule: CommitRule;
}
/**
 * `synchronous_standby_names` for `rule`; then the walsenders of `endStreams` are ended. Returns the end of the log at
 * a moment when all that is left follows the new value: what the old one could have acknowledged ends before it.
 */
export interface SetRuleAction {
  readonly kind: "set-rule";
  readonly epoch: number;
  readonly rule: CommitRule;
  /** stream names of voters that stop being voters */
  readonly endStreams: readonly string[];
}
/** A commit that returns when the rule's voters have flushed it, and with it all that came before. */
export interface BarrierAction {
  readonly kind: "barrier";
  readonly epoch: number;
  /** `since` of the server that it was decided for: its word counts for no later run (a crash may lie between) */
  readonly serverSince: number;
}
export interface CheckpointAction {
  readonly kind: "checkpoint";
}
/** Physical slots for exactly these members (P10); those of `anew` keep no log from before any more. */
export interface SlotsAction {
  readonly kind: "slots";
  readonly members: readonly MemberId[];
  readonly anew: readonly MemberId[];
}
/** The server's files say the settings that the spec asks for, and it has been told to read them. */
export interface ConfigureAction {
  readonly kind: "configure";
}
/** Rewind the stopped directory to follow `source`; a new incarnation first. Falls back to nothing: the rule decides. */
export interface RewindAction {
  readonly kind: "rewind";
  readonly source: MemberId;
  readonly record: ClusterTxn;
}
/** A new directory copied from `source`; the old one is kept aside until the new one streams (I9). */
export interface CloneAction {
  readonly kind: "clone";
  readonly source: MemberId;
  readonly record: ClusterTxn;
  /** what it has may be the only copy of acknowledged writes: it is a snapshot before anything takes its place (I13) */
  readonly keeps: boolean;
}
/** Remove the member's directory for good, after the operator asked for it. */
export interface RemoveMemberAction {
  readonly kind: "remove-member";
  /** as of a copy */
  readonly keeps: boolean;
}
/** Clients of the primary endpoint wait from now on. */
export interface HoldClientsAction {
  readonly kind: "hold-clients";
  readonly because: "switchover" | "restart";
}
/** Write to the store. `what` names the step, for the log and for the loop's follow-up. */
export interface RecordAction {
  readonly kind: "record";
  readonly what:
    | "vote"
    | "withdraw-vote"
    | "take-epoch"
    | "open"
    | "release"
    | "hand-over"
    | "rule-stricter"
    | "rule-laxer"
    | "timeline"
    | "intent"
    | "pause"
    | "sleep"
    | "member";
  readonly txn: ClusterTxn;
  /** when it is the end of an operation: how it ended, in the user's words */
  readonly outcome?: { readonly operation: string; readonly state: "done" | "failed"; readonly message: string };
}
/** Tell the voters that this member's time is given back, so that they need not wait (P1). */
export interface ReleaseAction {
  readonly kind: "release";
  readonly epoch: number;
}

/** Result of an action that the loop and the next decision look at. */
export interface ActionResult {
  readonly kind: ActionKind;
  readonly outcome: "done" | "failed" | "refused" | "unknown";
  /** set-rule, barrier: end of the log then. promote: where the new timeline left the old one */
  readonly lsn?: Lsn;
  readonly message?: string;
  /** what is there can be kept only with more room */
  readonly noRoom?: true;
}
