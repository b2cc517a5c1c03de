/**
 * The lease: a holder may serve while enough voters have promised not to vote for another (design P1). Both sides
 * count on their own monotonic clock and from the moment that is worse for them. Pure; times in milliseconds.
 */
import { sameVoter, type CommitRule, type Voter } from "./rule.ts";

/** What the holder sends to every voter. `sentAt` is on the holder's clock and comes back with the answer. */
export interface Heartbeat {
  readonly cluster: string;
  readonly epoch: number;
  readonly holder: string;
  readonly sentAt: number;
}

/** A voter's word: no vote for another holder until `promiseMs` after this was given. */
export interface PromiseAnswer {
  readonly cluster: string;
  readonly epoch: number;
  readonly voter: Voter;
  readonly sentAt: number;
  readonly promiseMs: number;
}

/** What a voter has promised, on the voter's clock. */
export interface GivenPromise {
  readonly epoch: number;
  readonly holder: string;
  readonly until: number;
}

/** One promise that the holder has, on the holder's clock: counted from before its heartbeat left. */
export interface HeldPromise {
  readonly voter: Voter;
  readonly safeUntil: number;
}

/** `promises` replaced by a newer answer; an answer that arrives late never shortens what is held. */
export function recordPromise(
  promises: readonly HeldPromise[],
  answer: PromiseAnswer,
  marginMs: number,
): readonly HeldPromise[] {
  const safeUntil = answer.sentAt + answer.promiseMs - marginMs;
  const known = promises.find((held) => sameVoter(held.voter, answer.voter));
  if (known && known.safeUntil >= safeUntil) return promises;
  return [...promises.filter((held) => held !== known), { voter: answer.voter, safeUntil }];
}

/**
 * When the holder's time ends: the moment from which fewer than `acks` voters are still bound, so that an electing
 * set could be free.
 * @returns Infinity when the rule has no voters: then nobody else can be elected
 */
export function leaseEnd(rule: CommitRule, promises: readonly HeldPromise[]): number {
  if (rule.voters.length === 0) return Infinity;
  const ends = rule.voters
    .map((voter) => promises.find((held) => sameVoter(held.voter, voter))?.safeUntil ?? -Infinity)
    .sort((a, b) => b - a);
  return ends[rule.acks - 1] ?? -Infinity;
}

/** A voter's side of the lease, kept by its guard. */
export interface VoterState {
  readonly voter: Voter;
  /** the newest epoch that this host knows to be held */
  readonly epoch: number;
  readonly given: GivenPromise | undefined;
  /** it has voted, or is about to vote, for this epoch: nothing is promised for epochs below it (P4) */
  readonly votedFor: number | undefined;
  readonly heardHolderAt: number | undefined;
}

/**
 * A heartbeat reaches a voter.
 * @returns the voter's new state, and its answer; no answer for a holder that is not to be served any more
 */
export function hearHeartbeat(
  state: VoterState,
  heartbeat: Heartbeat,
  now: number,
  promiseMs: number,
): { readonly state: VoterState; readonly answer: PromiseAnswer | undefined } {
  if (heartbeat.epoch < state.epoch) return { state, answer: undefined };
  const heard: VoterState = { ...state, epoch: heartbeat.epoch, heardHolderAt: now };
  if (state.votedFor !== undefined && heartbeat.epoch < state.votedFor) return { state: heard, answer: undefined };
  const given = { epoch: heartbeat.epoch, holder: heartbeat.holder, until: now + promiseMs };
  const answer = {
    cluster: heartbeat.cluster,
    epoch: heartbeat.epoch,
    voter: state.voter,
    sentAt: heartbeat.sentAt,
    promiseMs,
  };
  return { state: { ...heard, given }, answer };
}
