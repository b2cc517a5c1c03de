/** New members of a running cluster, on hosts that are chosen for them: written as a wish, which their agents fulfil. */
import { engineOf, type ClusterRecord, type MemberId, type MemberRecord } from "../../domain/cluster.ts";
import type { HostRecord } from "../../domain/host.ts";
import { refuseUnfitHosts } from "../extensions/libraries.ts";
import { amend, clusterOf, type Parts } from "../parts.ts";
import { claimHere, claimPlaces, memberAt, type Place } from "./claims.ts";
import { chooseHosts, severalHosts, type Chosen } from "./hosts.ts";

export interface AddWish {
  readonly count: number;
  /** undefined: the primary region */
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  readonly host?: string | undefined;
  /** the one new member takes this one's place */
  readonly replaces?: MemberRecord | undefined;
  /** it follows this standby, and is no voter */
  readonly upstream?: MemberId | undefined;
}

/** @throws OpError no-host, engine-missing … before anything is written */
export function chooseFor(parts: Parts, record: ClusterRecord, wish: AddWish): Chosen | undefined {
  const hosts = severalHosts(parts);
  if (!hosts) return undefined;
  const { primaryRegion } = record.spec.value;
  const { count, zone, host, replaces } = wish;
  const region = wish.region ?? replaces?.region ?? (host === undefined ? primaryRegion : undefined);
  const exceptHosts = replaces ? [replaces.host] : [];
  return chooseHosts(parts, hosts, {
    cluster: record,
    wish: { count, ...engineOf(record.spec.value), region, zone, host, exceptHosts },
  });
}

export interface Added {
  readonly ids: readonly MemberId[];
  /** for the user, plainly */
  readonly warnings: readonly string[];
}

/** @returns the new members' ids, once the wish is written */
export async function wishForMembers(parts: Parts, name: string, wish: AddWish): Promise<Added> {
  const { record } = clusterOf(parts, name);
  const chosen = chooseFor(parts, record, wish);
  const where = chosen?.hosts;
  await refuseUnfitHosts(parts, record, where?.map((host) => host.name) ?? []);
  const places = await claimFor(parts, record, where, wish.count);
  try {
    const ids = await writeMembers(parts, name, places, wish);
    return { ids, warnings: chosen?.warnings ?? [] };
  } finally {
    // Their own servers listen soon; on other hosts claims end by themselves.
    if (!where) parts.ports.forget(places.map((place) => place.port));
  }
}

/** Ids are only known when the wish is written: places are claimed for numbers, and named then. */
async function claimFor(
  parts: Parts,
  record: ClusterRecord,
  where: readonly HostRecord[] | undefined,
  count: number,
): Promise<readonly Place[]> {
  const spec = record.spec.value;
  const members = Array.from({ length: count }, (_, index) => `${spec.name}-${spec.lastMember + index + 1}`);
  const hosts = severalHosts(parts);
  if (!hosts || !where) {
    const places = await claimHere(parts, spec.name, members);
    parts.ports.letGo(places.map((place) => place.port));
    return places;
  }
  const beside = Object.values(record.members).map(({ value }) => value.host);
  return claimPlaces(parts, hosts, { cluster: spec.name, members, where, engine: spec, beside });
}

async function writeMembers(
  parts: Parts,
  name: string,
  places: readonly Place[],
  { replaces, upstream }: AddWish,
): Promise<readonly MemberId[]> {
  let added: readonly MemberId[] = [];
  await amend(parts, name, ({ spec, reign, members: present }) => {
    const { members, lastMember, generation } = spec.value;
    // As the primary, whose files it copies.
    const version = present[reign.value.holder]?.value.version;
    const records = places.map((place, index) => {
      const id = `${name}-${lastMember + index + 1}`;
      const record = memberAt(id, { ...place, dataDirectory: renamed(place, id) }, parts.clock.wallNow(), version);
      return {
        ...record,
        ...(replaces === undefined ? {} : { replaces: replaces.id }),
        ...(upstream === undefined ? {} : { upstream }),
      };
    });
    added = records.map(({ id }) => id);
    const changed = {
      ...spec.value,
      members: [...members, ...added],
      lastMember: lastMember + places.length,
      generation: generation + 1,
    };
    return {
      require: ["spec", ...added.map((id): `member/${string}` => `member/${id}`)],
      write: [
        { key: "spec", value: changed },
        ...records.map((value) => ({ key: `member/${value.id}` as const, value })),
      ],
    };
  });
  return added;
}

/** `…/<cluster>/<member>/data`: another change may have taken the number that the place was claimed for. */
function renamed({ dataDirectory }: Place, id: MemberId): string {
  const parts = dataDirectory.split("/");
  return [...parts.slice(0, -2), id, ...parts.slice(-1)].join("/");
}
