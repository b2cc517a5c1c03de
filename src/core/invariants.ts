/**
 * What must always hold (design, section 4), one numbered function each. Called by the simulator after every step that
 * could break it, and by property tests; never by the product. Each answers with what is broken, or undefined.
 */
import type { ClusterRecord, MemberId, Reign, RuleRecord } from "../domain/cluster.ts";
import { sameVoter, votesNeeded, type CommitRule, type Voter } from "../domain/rule.ts";

export type Broken = string | undefined;

/** Who did something for a client, under which epoch, and when (one clock for all). */
export interface Served {
  readonly member: string;
  readonly epoch: number;
  readonly at: number;
}

/** Every acknowledged write is in the log of every later epoch's primary. */
export function i1NothingLost(acknowledged: readonly number[], log: ReadonlySet<number>, primary: Served): Broken {
  const lost = acknowledged.filter((write) => !log.has(write));
  if (lost.length === 0) return undefined;
  return `primary "${primary.member}" of epoch ${primary.epoch} lacks acknowledged writes ${lost.slice(0, 5).join(", ")}`;
}

/** One holder for each epoch, and epochs only rise, one by one. */
export function i2OneHolder(before: Reign, after: Reign): Broken {
  if (after.epoch < before.epoch) return `epoch fell from ${before.epoch} to ${after.epoch}`;
  if (after.epoch > before.epoch + 1) return `epoch jumped from ${before.epoch} to ${after.epoch}`;
  if (after.epoch === before.epoch && after.holder !== before.holder)
    return `epoch ${after.epoch} went from "${before.holder}" to "${after.holder}"`;
  return undefined;
}

/** A server becomes primary only under an epoch that its member holds or held. */
export function i2OnlyTheHolder(primary: Served, holders: ReadonlyMap<number, string>): Broken {
  const holder = holders.get(primary.epoch);
  return holder === primary.member
    ? undefined
    : `"${primary.member}" became primary of epoch ${primary.epoch}, which "${holder ?? "nobody"}" holds`;
}

/** Nobody acknowledges a write once a later epoch has acknowledged one. */
export function i3OneAcknowledges(served: Served, newest: Served | undefined): Broken {
  if (!newest || served.epoch >= newest.epoch) return undefined;
  return `"${served.member}" acknowledged a write in epoch ${served.epoch} after "${newest.member}" had in epoch ${newest.epoch}`;
}

/** Nobody answers a read once a later epoch has acknowledged a write: it could be stale. */
export function i4NoStaleRead(served: Served, newest: Served | undefined): Broken {
  if (!newest || served.epoch >= newest.epoch) return undefined;
  return `"${served.member}" answered a read in epoch ${served.epoch} after "${newest.member}" had acknowledged in epoch ${newest.epoch}`;
}

/** No two promotions share a timeline. */
export function i5OneTimelineEach(timeline: number, promoted: ReadonlyMap<number, string>): Broken {
  const other = promoted.get(timeline);
  return other === undefined ? undefined : `timeline ${timeline} was begun twice, by "${other}" before`;
}

/** After everything has healed, writes are acknowledged again within the bound, and epochs come to rest. */
export function i6Progress(healedForMs: number, boundMs: number, missing: readonly string[]): Broken {
  if (missing.length === 0 || healedForMs < boundMs) return undefined;
  return `${(healedForMs / 1000).toFixed(1)} s after everything healed: ${missing.join("; ")}`;
}

/**
 * A switchover leaves a primary, also when it failed or its target died.
 * @param forMs since it was asked for, moved the epoch or was given up, and since everything has healed
 */
export function i7PrimaryAfterSwitchover(forMs: number, boundMs: number, hasPrimary: boolean): Broken {
  if (hasPrimary || forMs < boundMs) return undefined;
  return `no primary ${(forMs / 1000).toFixed(1)} s after a switchover`;
}

/**
 * Every electing set by the store's rule meets every set that can acknowledge a commit, the primary itself included.
 * @param inForce every rule that some process of the primary follows now
 */
export function i8SetsMeet(store: RuleRecord, inForce: readonly CommitRule[], primary: Voter): Broken {
  const electing = [store.rule, ...store.previous];
  const bad = inForce.find((rule) => !electing.some((other) => alwaysMeets(rule, other, primary)));
  if (!bad) return undefined;
  return `${describe(bad)} in force on "${primary.member}" could acknowledge what ${describe(store.rule)} could elect without`;
}

/** Whether no set that acknowledges under `acknowledging`, with the primary, is disjoint from one that elects under `electing`. */
export function alwaysMeets(acknowledging: CommitRule, electing: CommitRule, primary: Voter): boolean {
  const votes = votesNeeded(electing);
  if (votes === undefined) return true;
  const electors = electing.voters.filter((voter) => !sameVoter(voter, primary));
  const shared = electors.filter((voter) => acknowledging.voters.some((other) => sameVoter(voter, other))).length;
  const electsWithout = electors.length - shared;
  const acknowledgesWithout = acknowledging.voters.length - shared;
  if (votes > electors.length || acknowledging.acks > acknowledging.voters.length) return true;
  const sharedWanted = Math.max(0, votes - electsWithout) + Math.max(0, acknowledging.acks - acknowledgesWithout);
  return sharedWanted > shared;
}

/**
 * A read replica becomes no voter, and nobody elects it.
 * @param couldVote members that could, in the picture that the step may have been decided on
 */
export function i10ReplicaStaysOut(
  before: ClusterRecord,
  after: ClusterRecord,
  couldVote: ReadonlySet<MemberId>,
): Broken {
  const { holder, how, epoch } = after.reign.value;
  if (how === "forced") return undefined;
  if (epoch > before.reign.value.epoch && how === "election" && !couldVote.has(holder))
    return `read replica "${holder}" was elected for epoch ${epoch}`;
  const named = (cluster: ClusterRecord) => cluster.rule.value.rule.voters;
  const admitted = named(after).filter((voter) => !named(before).some((other) => sameVoter(other, voter)));
  const replica = admitted.find(({ member }) => !couldVote.has(member));
  return replica && `read replica "${replica.member}" became a voter`;
}

/**
 * One that follows a standby has no say at all: it gives no vote, no rule names it, so its flush acknowledges nothing, and
 * it holds no epoch, not even one that was forced.
 * @param cascaded the members that follow one
 */
export function i12CascadedHasNoSay(after: ClusterRecord, cascaded: ReadonlySet<MemberId>): Broken {
  const { rule, previous } = after.rule.value;
  const { holder, epoch } = after.reign.value;
  if (cascaded.has(holder)) return `"${holder}", which follows a standby, holds epoch ${epoch}`;
  const named = [rule, ...previous].flatMap(({ voters }) => voters).find(({ member }) => cascaded.has(member));
  if (named) return `"${named.member}", which follows a standby, could acknowledge writes`;
  const voter = Object.keys(after.votes).find((member) => cascaded.has(member));
  return voter === undefined ? undefined : `"${voter}", which follows a standby, has voted`;
}

/** When a cluster falls asleep no endpoint of any host has a client: sleep ends nobody's session. */
export function i11SleepEndsNobody(endpoints: readonly { readonly host: string; readonly sessions: number }[]): Broken {
  const busy = endpoints.find(({ sessions }) => sessions > 0);
  return busy && `the cluster fell asleep while ${busy.host} had ${busy.sessions} clients`;
}

/** A directory is replaced only by one that has every acknowledged write, from a primary that serves. */
export function i9LastGoodCopy(member: string, sourceServes: boolean, missingFromSource: readonly number[]): Broken {
  if (!sourceServes) return `"${member}" began to copy from a source that does not serve`;
  if (missingFromSource.length === 0) return undefined;
  return `the copy that replaces "${member}" lacks acknowledged writes ${missingFromSource.slice(0, 5).join(", ")}`;
}

/**
 * What a forced epoch went on without does not vanish: a directory with acknowledged writes that its successor lacks is a
 * snapshot before it goes.
 * @param onlyThere acknowledged writes that neither the primary nor a snapshot has
 */
export function i13KeptBeforeItGoes(member: string, onlyThere: readonly number[]): Broken {
  if (onlyThere.length === 0) return undefined;
  return `the directory of "${member}" went, and with it acknowledged writes ${onlyThere.slice(0, 5).join(", ")}`;
}

function describe(rule: CommitRule): string {
  return rule.voters.length === 0
    ? "no voters"
    : `${rule.acks} of (${rule.voters.map((v) => `${v.member}.${v.incarnation}`).join(", ")})`;
}
