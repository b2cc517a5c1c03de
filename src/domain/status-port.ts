/**
 * On which port a member says how it is. It follows from the port of the member's own server, so that it never changes
 * and needs no record of its own; both ranges lie below the ports that the system gives to outgoing connections. Pure.
 */

/** Of members' own servers. */
export const memberPorts = { first: 20_000, count: 12_000 } as const;

/** @returns undefined for a port outside of the range, which no member of ours has */
export function statusPortOf(memberPort: number): number | undefined {
  const { first, count } = memberPorts;
  return memberPort >= first && memberPort < first + count ? memberPort - count : undefined;
}
