/**
 * One member of this host as its guard sees it: what the agent says of it, the promises that it holds, and those that it
 * has given as a voter. Pure but for its own state; called by core.ts.
 */
import {
  hearHeartbeat,
  leaseEnd,
  recordPromise,
  type Heartbeat,
  type HeldPromise,
  type PromiseAnswer,
  type VoterState,
} from "../domain/lease.ts";
import type { MemberFeed, MemberReport } from "./wire.ts";

type Fenced = NonNullable<MemberReport["fenced"]>;

/** A holder's word that it gave its time back, remembered until what was sent before it can bind nobody any more. */
interface Release {
  readonly epoch: number;
  /** of the holder's clock */
  readonly sentAt: number;
  readonly until: number;
}

export class Member {
  feed: MemberFeed;
  /** the agent's word is of this moment */
  fedAt = -Infinity;
  #held: readonly HeldPromise[] = [];
  #voter: VoterState;
  /** of the holder's clock: when the heartbeat left that was promised to last */
  #givenTo = -Infinity;
  #heardRelease: Release | undefined;
  /** this member's own time was given back: nothing is asked for before */
  #givenBack: { readonly epoch: number; readonly until: number } | undefined;
  readonly #judgedFrom: number;
  #fenced: Fenced | null = null;
  #fencedPid: number | undefined;

  /**
   * @param judgedFrom a server that was open before this guard's first feed, and whose promises nobody here knows, has
   *                   so long to gather them: agent and guard may both have been restarted
   */
  constructor(feed: MemberFeed, judgedFrom: number) {
    this.feed = feed;
    this.#judgedFrom = feed.open ? judgedFrom : -Infinity;
    this.#voter = {
      voter: feed.voter,
      epoch: feed.epoch,
      given: undefined,
      votedFor: feed.votedFor ?? undefined,
      heardHolderAt: undefined,
    };
  }

  hearFeed(feed: MemberFeed, at: number, now: number): void {
    const known = this.feed.epoch === feed.epoch ? this.#held : [];
    this.feed = feed;
    this.fedAt = at;
    this.#held = feed.holds && !this.#hasGivenBack(now) ? mergeHeld(known, feed.held) : [];
    const { epoch, heardHolderAt } = this.#voter;
    this.#voter = {
      ...this.#voter,
      voter: feed.voter,
      votedFor: feed.votedFor ?? undefined,
      epoch: Math.max(epoch, feed.epoch),
      heardHolderAt: feed.epoch > epoch ? undefined : heardHolderAt,
    };
  }

  wantsHeartbeats(now: number): boolean {
    return this.feed.holds && !this.feed.released && !this.#hasGivenBack(now);
  }

  #hasGivenBack(now: number): boolean {
    const back = this.#givenBack;
    return back !== undefined && this.feed.epoch <= back.epoch && now < back.until;
  }

  /** When a primary has to be ended, and why: now or earlier for one that has no right to serve. */
  endOfServing(now: number): { readonly at: number; readonly because: Fenced["because"] } {
    if (!this.feed.holds) return { at: now, because: "not-holder" };
    if (!this.feed.open) return { at: Infinity, because: "promises-ended" };
    const at = Math.min(...this.feed.rules.map((rule) => leaseEnd(rule, this.#held)));
    return { at: this.#held.length > 0 ? at : Math.max(at, this.#judgedFrom), because: "promises-ended" };
  }

  /** @returns whether this is the first time for this server */
  noteFenced(at: number, because: Fenced["because"]): boolean {
    const pid = this.feed.postmaster?.pid;
    if (pid === this.#fencedPid) return false;
    this.#fencedPid = pid;
    this.#fenced = { at, because };
    return true;
  }

  /** The guard before had it ended, or this one before an agent was there. */
  rememberFenced(fenced: Fenced): void {
    this.#fenced = fenced;
  }

  /** As a voter. */
  hearHeartbeat(
    heartbeat: Heartbeat,
    now: number,
    promiseMs: number,
  ): { readonly answer: PromiseAnswer | undefined; readonly isNews: boolean } {
    const release = this.#heardRelease;
    // Late on its way: its holder has given back what it asks for.
    if (release && now < release.until && isBefore(heartbeat, release)) return { answer: undefined, isNews: false };
    const before = this.#voter;
    const { state, answer } = hearHeartbeat(before, heartbeat, now, promiseMs);
    this.#voter = state;
    if (answer) this.#givenTo = heartbeat.sentAt;
    const isNews = before.given?.epoch !== state.given?.epoch || before.epoch !== state.epoch;
    return { answer, isNews: isNews || (before.heardHolderAt === undefined && state.heardHolderAt !== undefined) };
  }

  /** As a voter: what was promised to that holder until then binds no more. @returns whether it is news */
  hearRelease(release: Release): boolean {
    const known = this.#heardRelease;
    if (known && known.epoch > release.epoch) return false;
    this.#heardRelease = release;
    const { given } = this.#voter;
    const frees = given !== undefined && isBefore({ epoch: given.epoch, sentAt: this.#givenTo }, release);
    if (frees) this.#voter = { ...this.#voter, given: undefined };
    return frees || known?.epoch !== release.epoch;
  }

  /** As a holder. @returns whether it is one more promise than before */
  hearPromise(promise: PromiseAnswer, now: number, marginMs: number): boolean {
    if (!this.feed.holds || this.#hasGivenBack(now) || promise.epoch !== this.feed.epoch) return false;
    const before = this.#held;
    this.#held = recordPromise(before, promise, marginMs);
    return this.#held.length !== before.length;
  }

  /** As the holder that gives its time back: until `until` nothing counts that was promised before. */
  giveBack(epoch: number, until: number): void {
    this.#givenBack = { epoch, until };
    if (this.feed.epoch <= epoch) this.#held = [];
  }

  report(): MemberReport {
    const { cluster, member, epoch } = this.feed;
    const { given, heardHolderAt } = this.#voter;
    return {
      cluster,
      member,
      epoch,
      held: this.#held,
      given: given ?? null,
      heardHolderAt: heardHolderAt ?? null,
      fenced: this.#fenced,
    };
  }
}

type Sent = { readonly epoch: number; readonly sentAt: number };

function isBefore(heartbeat: Sent, release: Sent): boolean {
  if (heartbeat.epoch !== release.epoch) return heartbeat.epoch < release.epoch;
  return heartbeat.sentAt <= release.sentAt;
}

/** The agent's list may be older than this guard's, or, after the guard's restart, all that there is. */
function mergeHeld(own: readonly HeldPromise[], fed: readonly HeldPromise[]): readonly HeldPromise[] {
  return fed.reduce(
    (held, { voter, safeUntil }) =>
      recordPromise(held, { cluster: "", epoch: 0, voter, sentAt: safeUntil, promiseMs: 0 }, 0),
    own,
  );
}

export function keyOf({ cluster, member }: { readonly cluster: string; readonly member: string }): string {
  return `${cluster}/${member}`;
}
