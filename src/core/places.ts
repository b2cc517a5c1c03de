/**
 * The places among the first hosts: those that run the installation's own etcd, and those that hold the authority's key.
 * A place is free once its host was removed; the next host that joins takes it, or one that is there already asks for it.
 * Pure; called where hosts are admitted and by the agents of hosts that could have one.
 */
import type { HostRecord } from "../domain/host.ts";

/** So many hosts run etcd, and so many hold the key. */
export const placesMax = 3;

export interface Places {
  readonly signs: boolean;
  readonly runsStore: boolean;
}

/** What a host has with the places that the others leave. @param isOwnStore etcd is the installation's own */
export function placesFor(host: Places, others: readonly Places[], isOwnStore: boolean): Places {
  const isFree = (has: (other: Places) => boolean): boolean => others.filter(has).length < placesMax;
  return {
    signs: host.signs || isFree(({ signs }) => signs),
    runsStore: isOwnStore && (host.runsStore || isFree(({ runsStore }) => runsStore)),
  };
}

/**
 * Hosts that could take a free place, the best one first: where no other place fails together with it, then the oldest.
 * Each waits a turn for those before it. Hosts that are being emptied take none.
 * @returns empty when no place is free
 */
export function queueForPlace(hosts: readonly HostRecord[], isOwnStore: boolean): readonly string[] {
  const placed = hosts.filter((host) => (isOwnStore ? host.runsStore : host.signs));
  const together = (host: HostRecord): number =>
    placed.filter(({ region, zone }) => region === host.region && zone === host.zone).length;
  return hosts
    .filter((host) => host.state === "active" && gains(host, hosts, isOwnStore))
    .toSorted((a, b) => together(a) - together(b) || a.joinedAt - b.joinedAt || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
}

function gains(host: HostRecord, hosts: readonly HostRecord[], isOwnStore: boolean): boolean {
  const others = hosts.filter((other) => other !== host);
  const { signs, runsStore } = placesFor(host, others, isOwnStore);
  return (signs && !host.signs) || (runsStore && !host.runsStore);
}
