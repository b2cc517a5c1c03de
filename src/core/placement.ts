/**
 * On which hosts new members of a cluster go: a verdict on every host, then one after another to the best one left. Never
 * two members on one host while another is free; then apart in zones; then where the fewest members are. Pure; called by
 * create, member add, the replacement of lost hosts, and drain.
 */
import type { EngineKind } from "../domain/cluster.ts";
import type { HostRecord } from "../domain/host.ts";

export interface PlacementWish {
  readonly count: number;
  readonly engine: EngineKind;
  /** of the user's own build: the hosts are asked, one by one, before a member is placed there */
  readonly engineDirectory?: string | undefined;
  readonly major: number;
  /** undefined: anywhere */
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  /** this one and no other */
  readonly host?: string | undefined;
  /** this one, among equals */
  readonly nearHost?: string | undefined;
  /** not these: they are being emptied or replaced */
  readonly exceptHosts?: readonly string[];
}

export interface PlacementHost {
  readonly record: HostRecord;
  readonly isHeard: boolean;
  /** members of the cluster that are there already */
  readonly ownMembers: number;
  /** members of all clusters */
  readonly members: number;
}

export type HostRejection =
  | "other-host"
  | "other-region"
  | "other-zone"
  | "excluded"
  | "draining"
  | "silent"
  | "no-engine";

export interface HostVerdict {
  readonly host: string;
  readonly rejection: HostRejection | undefined;
}

export interface Placement {
  /** a host for each new member, in order; undefined when there is none at all */
  readonly hosts: readonly HostRecord[] | undefined;
  readonly verdicts: readonly HostVerdict[];
  /** hosts that hold more than one member of the cluster after this */
  readonly shared: readonly string[];
}

export function placeMembers(hosts: readonly PlacementHost[], wish: PlacementWish): Placement {
  const verdicts = hosts.map(({ record, isHeard }) => ({
    host: record.name,
    rejection: rejectHost(record, isHeard, wish),
  }));
  const fit = hosts.filter((_, index) => verdicts[index]?.rejection === undefined);
  if (fit.length === 0) return { hosts: undefined, verdicts, shared: [] };
  const chosen: HostRecord[] = [];
  for (let placed = 0; placed < wish.count; placed += 1) {
    const best = fit.toSorted((a, b) => compare(a, b, { all: hosts, chosen, nearHost: wish.nearHost }))[0];
    if (best) chosen.push(best.record);
  }
  const shared = fit.filter((host) => onHost(host, chosen) > 1 && chosen.includes(host.record));
  return { hosts: chosen, verdicts, shared: shared.map(({ record }) => record.name) };
}

/** What keeps members from a host, told in this order: first what was asked for, then what the host is like. */
function rejectHost(host: HostRecord, isHeard: boolean, wish: PlacementWish): HostRejection | undefined {
  if (wish.host !== undefined && wish.host !== host.name) return "other-host";
  if (wish.region !== undefined && wish.region !== host.region) return "other-region";
  if (wish.zone !== undefined && wish.zone !== host.zone) return "other-zone";
  if (wish.exceptHosts?.includes(host.name)) return "excluded";
  if (host.state === "draining") return "draining";
  if (!isHeard) return "silent";
  return hasEngine(host, wish) ? undefined : "no-engine";
}

/** The packaged binaries are fetched by the host's agent when they are needed first. */
function hasEngine(host: HostRecord, { engine, engineDirectory, major }: PlacementWish): boolean {
  return engine === "embedded" || engineDirectory !== undefined || host.engines.system.includes(major);
}

interface SoFar {
  readonly all: readonly PlacementHost[];
  readonly chosen: readonly HostRecord[];
  readonly nearHost: string | undefined;
}

function compare(a: PlacementHost, b: PlacementHost, { all, chosen, nearHost }: SoFar): number {
  const far = ({ record }: PlacementHost): number => (record.name === nearHost ? 0 : 1);
  const load = (host: PlacementHost): number => host.members + chosen.filter((other) => other === host.record).length;
  return (
    onHost(a, chosen) - onHost(b, chosen) ||
    inZone(a, all, chosen) - inZone(b, all, chosen) ||
    far(a) - far(b) ||
    load(a) - load(b) ||
    (a.record.name < b.record.name ? -1 : 1)
  );
}

function onHost(host: PlacementHost, chosen: readonly HostRecord[]): number {
  return host.ownMembers + chosen.filter((other) => other === host.record).length;
}

/** Zones of two regions are different ones, whatever they are called. */
function inZone({ record }: PlacementHost, all: readonly PlacementHost[], chosen: readonly HostRecord[]): number {
  const near = all.filter((other) => other.record.zone === record.zone && other.record.region === record.region);
  return near.reduce((sum, other) => sum + onHost(other, chosen), 0);
}
