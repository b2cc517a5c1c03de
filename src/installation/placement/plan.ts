/** Where the members of a new cluster go, and whether another host's agent has to make it. Called by create. */
import type { CreateRequest } from "../../contract/cluster.ts";
import type { EngineChoice, MemberId } from "../../domain/cluster.ts";
import { localRegion, type HostRecord } from "../../domain/host.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { chooseHosts, severalHosts, type Chosen, type SeveralHosts } from "./hosts.ts";

export interface ClusterPlaces {
  readonly primaryRegion: string;
  readonly members: readonly MemberId[];
  /** one for each member, the first one's first; empty in an embedded installation */
  readonly hosts: readonly HostRecord[];
}

export interface PlacesWish {
  readonly name: string;
  /** in the primary region */
  readonly members: number;
  readonly engine: EngineChoice;
}

/** @throws OpError no-host, engine-missing, bad-value */
export function planPlaces(parts: Parts, request: CreateRequest, wish: PlacesWish): ClusterPlaces {
  const hosts = severalHosts(parts);
  const replicas = request.regions ?? [];
  const count = wish.members + replicas.length;
  const members = Array.from({ length: count }, (_, index) => `${wish.name}-${index + 1}`);
  if (!hosts) {
    refuseRegions(request);
    return { primaryRegion: localRegion, members, hosts: [] };
  }
  const primaryRegion = request.primary_region ?? hosts.self.region;
  refuseOwnRegion(replicas, primaryRegion);
  const chosen = [
    choose(parts, hosts, wish, { region: primaryRegion, count: wish.members }),
    ...[...new Set(replicas)].map((region) =>
      choose(parts, hosts, wish, { region, count: replicas.filter((other) => other === region).length }),
    ),
  ];
  // What sharing a host or a zone costs is told when the cluster is made (survival.ts).
  return { primaryRegion, members, hosts: chosen.flatMap((part) => part.hosts) };
}

function choose(
  parts: Parts,
  hosts: SeveralHosts,
  { engine }: PlacesWish,
  { region, count }: { readonly region: string; readonly count: number },
): Chosen {
  const wish = { count, ...engine, region, nearHost: hosts.self.name };
  return chooseHosts(parts, hosts, { cluster: undefined, wish });
}

function refuseRegions({ regions, primary_region: primary }: CreateRequest): void {
  if ((regions ?? []).length === 0 && primary === undefined) return;
  throw new OpError("no-host", {
    message: "this installation has one host and no regions",
    hint: "Make one over several hosts with: matriarch host init",
  });
}

function refuseOwnRegion(replicas: readonly string[], primaryRegion: string): void {
  if (!replicas.includes(primaryRegion)) return;
  throw new OpError("bad-value", {
    message: `region "${primaryRegion}" is the primary region, and a read replica belongs in another`,
    hint: "Say with --members how many members the primary region has, and with --region where read replicas go.",
  });
}
