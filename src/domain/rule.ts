/**
 * The commit rule: which standbys may acknowledge a commit, and how many of them must. The same rule says who may
 * elect: any electing set meets any acknowledging set (design P5, I8). Pure.
 */

/** A standby with the data directory that it had when it was admitted: a rebuilt directory is another voter (P3). */
export interface Voter {
  readonly member: string;
  readonly incarnation: number;
}

export interface CommitRule {
  readonly voters: readonly Voter[];
  /** how many of `voters` must have flushed a commit before it is acknowledged; 0 exactly when there are no voters */
  readonly acks: number;
}

export const noVoters: CommitRule = { voters: [], acks: 0 };

export function sameVoter(a: Voter, b: Voter): boolean {
  return a.member === b.member && a.incarnation === b.incarnation;
}

export function hasVoter(rule: CommitRule, voter: Voter): boolean {
  return rule.voters.some((other) => sameVoter(other, voter));
}

export function sameRule(a: CommitRule, b: CommitRule): boolean {
  return a.acks === b.acks && a.voters.length === b.voters.length && a.voters.every((voter) => hasVoter(b, voter));
}

/** Acknowledgements wanted of `count` voters: half of them, rounded up, so that losing as many again still elects. */
export function usualAcks(count: number): number {
  return Math.ceil(count / 2);
}

/**
 * Votes that an election needs under `rule`: so many that they meet every set of `acks` voters.
 * @returns undefined when the rule has no voters: then nobody can be elected
 */
export function votesNeeded(rule: CommitRule): number | undefined {
  return rule.voters.length === 0 ? undefined : rule.voters.length - rule.acks + 1;
}

export function canElect(rule: CommitRule, votes: readonly Voter[]): boolean {
  const needed = votesNeeded(rule);
  return needed !== undefined && countVotes(rule, votes) >= needed;
}

export function countVotes(rule: CommitRule, votes: readonly Voter[]): number {
  return rule.voters.filter((voter) => votes.some((vote) => sameVoter(vote, voter))).length;
}

/** `application_name` of a standby's stream, and its name in `synchronous_standby_names`: `shop-2.1`. */
export function voterName(voter: Voter): string {
  return `${voter.member}.${voter.incarnation}`;
}

export function parseVoterName(name: string): Voter | undefined {
  const parts = /^(.+)\.(\d+)$/.exec(name);
  return parts?.[1] === undefined ? undefined : { member: parts[1], incarnation: Number(parts[2]) };
}

/** The value of `synchronous_standby_names` for a rule; empty for no voters. */
export function formatSyncNames(rule: CommitRule): string {
  if (rule.voters.length === 0) return "";
  return `ANY ${rule.acks} (${rule.voters.map((voter) => `"${voterName(voter)}"`).join(",")})`;
}
