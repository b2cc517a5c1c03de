/**
 * Who may vote and become primary, by region: the members of the cluster's primary region. The others are read replicas:
 * followed up, copied and repaired like all, but never in the commit rule and never elected. A change of the primary
 * region is a change of the spec; from there the ordinary rules go on: members of the new region are admitted, the
 * holder moves to one of them (rules/switchover.ts), and the members of the old region leave the rule. Pure.
 */
import type { ClusterRecord, MemberId } from "../domain/cluster.ts";

export function isCascaded(cluster: ClusterRecord, member: MemberId): boolean {
  return cluster.members[member]?.value.upstream !== undefined;
}

export function regionOf(cluster: ClusterRecord, member: MemberId): string | undefined {
  return cluster.members[member]?.value.region;
}

/** One that follows a standby is a read replica wherever it is: what it has, the primary learns too late. */
export function inPrimaryRegion(cluster: ClusterRecord, member: MemberId): boolean {
  return !isCascaded(cluster, member) && regionOf(cluster, member) === cluster.spec.value.primaryRegion;
}

/**
 * It is wanted in the commit rule. While the holder is outside of the primary region, its own region's members stay
 * voters: until it has moved they are near, and the new region may not be there yet.
 */
export function mayBeVoter(cluster: ClusterRecord, member: MemberId): boolean {
  if (isCascaded(cluster, member)) return false;
  if (inPrimaryRegion(cluster, member)) return true;
  const region = regionOf(cluster, cluster.reign.value.holder);
  return region !== undefined && region !== cluster.spec.value.primaryRegion && regionOf(cluster, member) === region;
}

/**
 * It votes, promises, and can be elected: wanted in the rule, or named in one that is in force. A named one must have
 * its say wherever it is: it may alone hold what was acknowledged.
 */
export function mayVote(cluster: ClusterRecord, member: MemberId): boolean {
  const { rule, previous } = cluster.rule.value;
  const isNamed = [rule, ...previous].some(({ voters }) => voters.some((voter) => voter.member === member));
  return isNamed || mayBeVoter(cluster, member);
}

/** Voters that the cluster has at full strength: the members of the primary region, less the primary. */
export function votersInFull(cluster: ClusterRecord): number {
  const home = cluster.spec.value.members.filter((member) => inPrimaryRegion(cluster, member));
  return Math.max(0, home.length - 1);
}
