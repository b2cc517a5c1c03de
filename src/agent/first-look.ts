/**
 * When a new agent may begin to decide. One that has not looked at a server yet would take it for gone: of a primary it
 * would cut the clients.
 */
import type { MemberId } from "../domain/cluster.ts";

/** How long a server of this host is waited for: on a busy machine a first look takes its time. */
const ownLookMs = 10_000;

export interface FirstLook {
  readonly members: readonly MemberId[];
  readonly seen: { has(member: MemberId): boolean };
  /** its server is on this host */
  readonly isOwn: (member: MemberId) => boolean;
  readonly arePoolsKnown: boolean;
  /** since the agent has begun */
  readonly waitedMs: number;
  /** for hosts that say nothing, and for pools */
  readonly limitMs: number;
}

export function isFirstLookOver({ members, seen, isOwn, arePoolsKnown, waitedMs, limitMs }: FirstLook): boolean {
  const isSettled = (id: MemberId): boolean => seen.has(id) || waitedMs >= (isOwn(id) ? ownLookMs : limitMs);
  return members.every(isSettled) && (arePoolsKnown || waitedMs >= limitMs);
}
