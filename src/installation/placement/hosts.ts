/** The hosts as placement sees them, the choice for a cluster, and its refusals in words. Called by whatever adds members. */
import { placeMembers, type HostVerdict, type PlacementHost, type PlacementWish } from "../../core/placement.ts";
import type { ClusterRecord } from "../../domain/cluster.ts";
import type { HostRecord } from "../../domain/host.ts";
import { installCommand } from "../../drivers/postgres/engine/system.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Hosts, Parts } from "../parts.ts";

/** The hosts of an installation over several: this one has a record too. */
export interface SeveralHosts extends Hosts {
  readonly self: HostRecord;
}

/** @returns undefined in an embedded installation */
export function severalHosts({ hosts }: Pick<Parts, "hosts">): SeveralHosts | undefined {
  const { self } = hosts;
  if (!self) return undefined;
  return {
    self,
    all: () => hosts.all(),
    isHeard: (name) => hosts.isHeard(name),
    heardAt: (name) => hosts.heardAt(name),
    call: (name, call) => hosts.call(name, call),
  };
}

/** For how long a host has not been heard, as far as this agent's life goes back, and its own as a host; 0 while it is. */
export function silentMs(
  { hosts, clock, startedAt }: Pick<Parts, "hosts" | "clock" | "startedAt">,
  name: string,
): number {
  if (hosts.isHeard(name)) return 0;
  const heardAt = hosts.heardAt(name);
  if (heardAt !== undefined) return clock.now() - heardAt;
  const joinedAt = hosts.all().find((host) => host.name === name)?.joinedAt ?? 0;
  return Math.max(0, clock.wallNow() - Math.max(startedAt, joinedAt));
}

export interface Chosen {
  /** one for each member */
  readonly hosts: readonly HostRecord[];
  /** for the user, plainly */
  readonly warnings: readonly string[];
}

/**
 * @param cluster whose members should be kept apart; undefined: a new one
 * @throws OpError no-host, engine-missing, host-not-found
 */
export function chooseHosts(
  parts: Parts,
  hosts: Hosts,
  { cluster, wish }: { readonly cluster: ClusterRecord | undefined; readonly wish: PlacementWish },
): Chosen {
  if (wish.host !== undefined) hostNamed(hosts, wish.host);
  const all = placementHosts(parts, hosts, cluster, wish.exceptHosts ?? []);
  const placement = placeMembers(all, wish);
  if (!placement.hosts) throw noHost(placement.verdicts, wish);
  const { shared } = placement;
  if (shared.length > 0 && wish.host === undefined) refuseAvoidable(placement.verdicts, wish);
  const warnings = shared.map(
    (host) => `host "${host}" holds more than one member of the cluster: it is lost as a whole`,
  );
  return { hosts: placement.hosts, warnings };
}

/** @throws OpError host-not-found */
export function hostNamed(hosts: Hosts, name: string): HostRecord {
  const found = hosts.all().find((host) => host.name === name);
  if (found) return found;
  throw new OpError("host-not-found", {
    message: `there is no host "${name}"`,
    detail: `Hosts are ${hosts
      .all()
      .map((host) => host.name)
      .join(", ")}.`,
    hint: "See them with: matriarch host list",
  });
}

/** Members on hosts that are being emptied keep nobody away: they go. */
export function placementHosts(
  parts: Parts,
  hosts: Hosts,
  cluster: ClusterRecord | undefined,
  leaving: readonly string[],
): readonly PlacementHost[] {
  const everywhere = [...parts.runtime.clusters.values()].flatMap(({ record }) => membersOf(record));
  const own = cluster ? membersOf(cluster) : [];
  const on = (members: readonly { host: string }[], name: string): number =>
    members.filter(({ host }) => host === name).length;
  return hosts.all().map((record) => ({
    record,
    isHeard: hosts.isHeard(record.name),
    ownMembers: leaving.includes(record.name) ? 0 : on(own, record.name),
    members: on(everywhere, record.name),
  }));
}

function membersOf(record: ClusterRecord) {
  return Object.values(record.members).map(({ value }) => value);
}

function noHost(verdicts: readonly HostVerdict[], wish: PlacementWish): OpError {
  const without = verdicts.filter(({ rejection }) => rejection === "no-engine").map(({ host }) => host);
  if (without.length > 0) return engineMissing(without, wish);
  const where = [
    wish.host === undefined ? "" : ` on host "${wish.host}"`,
    wish.region === undefined ? "" : ` in region "${wish.region}"`,
    wish.zone === undefined ? "" : ` in zone "${wish.zone}"`,
  ].join("");
  const why = told(verdicts);
  return new OpError("no-host", {
    message: wish.host === undefined ? `no host${where} can take a member` : `host "${wish.host}" cannot take a member`,
    ...(why === "" ? {} : { detail: `${why}.` }),
    hint: "See the hosts, their regions and zones with: matriarch host list",
  });
}

/** Hosts would be shared although the installation has enough of them: that is not what was asked for. */
function refuseAvoidable(verdicts: readonly HostVerdict[], wish: PlacementWish): void {
  const without = verdicts.filter(({ rejection }) => rejection === "no-engine").map(({ host }) => host);
  if (without.length > 0) throw engineMissing(without, wish);
  const silent = verdicts.filter(({ rejection }) => rejection === "silent").map(({ host }) => host);
  if (silent.length === 0) return;
  throw new OpError("no-host", {
    message: `too few hosts answer for ${wish.count} ${wish.count === 1 ? "member" : "members"} on hosts of their own`,
    detail: `${told(verdicts)}.`,
    hint: "Bring them back, ask for fewer members, or take lost ones out with: matriarch host remove NAME --lost",
  });
}

function engineMissing(hosts: readonly string[], { engine, major }: PlacementWish): OpError {
  return new OpError("engine-missing", {
    message: `Postgres ${major} (${engine}) is not installed on ${hosts.map((host) => `"${host}"`).join(", ")}`,
    ...(engine === "system"
      ? { detail: "A host tells within ten seconds what was installed on it." }
      : { detail: "There are no such binaries for its platform." }),
    hint:
      engine === "system"
        ? `Install it there: ${installCommand(major)}`
        : "Use --engine system, or another major with --version.",
  });
}

function told(verdicts: readonly HostVerdict[]): string {
  return verdicts.flatMap(({ host, rejection }) => (rejection ? words(host, rejection) : [])).join("; ");
}

function words(host: string, rejection: NonNullable<HostVerdict["rejection"]>): string | readonly [] {
  switch (rejection) {
    case "other-host":
    case "excluded":
      return [];
    case "other-region":
      return `"${host}" is in another region`;
    case "other-zone":
      return `"${host}" is in another zone`;
    case "draining":
      return `"${host}" is being drained`;
    case "silent":
      return `"${host}" does not answer`;
    case "no-engine":
      return `"${host}" lacks that Postgres`;
  }
}
