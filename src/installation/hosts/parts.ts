/** What the hosts' part of the agent works with; put together by the agent's entry. */
import type { HostConfig } from "../../config/host-config.ts";
import type { Asked } from "../../contract/installation.ts";
import type { HostRecord } from "../../domain/host.ts";
import type { Neighbours } from "../../drivers/neighbours/port.ts";
import type { Store } from "../../drivers/store/port.ts";
import { listHosts } from "../../drivers/store/host-records.ts";
import { OpError } from "../../errors/op-error.ts";
import type { EventLog } from "../../events/event-log.ts";
import type { OperationLog } from "../../events/operation-log.ts";
import type { Log } from "../../log/log.ts";

export interface HostParts {
  readonly home: string;
  /** this host, as host.json says */
  readonly config: HostConfig;
  readonly store: Store;
  readonly book: HostsKnown;
  readonly neighbours: Neighbours;
  readonly events: EventLog;
  readonly operations: OperationLog;
  readonly log: Log;
  readonly wallNow: () => number;
  /** for how long a host has not been heard, as far as this agent knows; 0 while it is */
  readonly silentMs: (host: string) => number;
  /** when the agent ends, drains wait for the next one */
  readonly signal: AbortSignal;
  readonly moves: HostMoves;
  /** takes the host's member out of the installation's own etcd; nothing when it has none */
  readonly removeStoreMember: (host: HostRecord) => Promise<void>;
  /** makes the installation's own store of what this host's member has, without the others */
  readonly rebuildStore: () => Promise<void>;
}

/** The hosts as they were read last: for when the store is away. */
export interface HostsKnown {
  all(): readonly HostRecord[];
  /** false: the store is known to be away */
  isFresh(): boolean;
}

/** What a drain does with members; offered by whoever places them. */
export interface HostMoves {
  /** members on the host, primaries first */
  membersOn(host: string): readonly PlacedMember[];
  /** moves the role of the primary away from the host; resolves when another serves. @throws OpError no-candidate */
  switchAway(member: PlacedMember, asked: Asked): Promise<void>;
  /** another copy elsewhere, then this one goes. @returns undefined when there is no room elsewhere */
  moveAway(member: PlacedMember, asked: Asked): Promise<string | undefined>;
  /** its host is lost for good: a new copy elsewhere if there is room, and this one is forgotten; waits for neither */
  giveUp(member: PlacedMember): Promise<GivenUp>;
}

export interface GivenUp {
  readonly cluster: string;
  readonly member: string;
  /** undefined: no host has room for one */
  readonly successor: string | undefined;
}

export interface PlacedMember {
  readonly cluster: string;
  readonly member: string;
  readonly isPrimary: boolean;
}

/** @throws OpError host-not-found */
export async function hostOf(store: Store, name: string): Promise<{ value: HostRecord; revision: number }> {
  const hosts = await listHosts(store);
  const found = hosts.find(({ value }) => value.name === name);
  if (found) return found;
  throw new OpError("host-not-found", {
    message: `there is no host "${name}"`,
    detail: `Hosts are ${hosts.map(({ value }) => value.name).join(", ")}.`,
    hint: "See them with: matriarch host list",
  });
}
