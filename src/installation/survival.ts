/** What a cluster survives and what not, as it is now, in words: servers, hosts, zones, regions. Pure; for explain and create. */
import { rulesInForce } from "../core/candidates.ts";
import { inPrimaryRegion } from "../core/regions.ts";
import type { ClusterRecord, MemberId, MemberRecord } from "../domain/cluster.ts";
import { voterOf } from "../domain/cluster.ts";
import { localZone } from "../domain/host.ts";
import { canElect } from "../domain/rule.ts";

export interface Survival {
  readonly survives: string[];
  readonly doesNot: string[];
}

export function survivalOf(cluster: ClusterRecord): Survival {
  const { members, durability, name } = cluster.spec.value;
  const survives: string[] = ["the end or restart of the agent, and of the router: Postgres goes on"];
  const doesNot: string[] = [];
  if (members.length === 1 && Object.keys(cluster.members).length === 1)
    return { survives, doesNot: ["the loss of its machine, disk or data directory: there is one member"] };
  const electable = rulesInForce(cluster).every((rule) => rule.voters.length > 0);
  if (electable) survives.push("the loss of the primary: a standby takes over by itself");
  else doesNot.push("the loss of the primary's data directory: no standby holds every acknowledged write now");
  if (members.length > 2) survives.push("the loss of one standby: writes go on");
  if (durability === "async")
    doesNot.push("the loss of the primary without losing the newest writes (durability async)");
  const records = Object.values(cluster.members).map((member) => member.value);
  const hosts = distinct(records, (record) => record.host);
  if (hosts.length <= 1) doesNot.push("the loss of this machine or of its disk: all members are on it");
  else tellOf("host", hosts, { cluster, records, of: (record) => record.host, survives, doesNot });
  const zones = distinct(records, zoneOf);
  const [zone] = new Set(records.map((record) => record.zone));
  if (hosts.length > 1 && zones.length === 1 && zone !== undefined && zone !== localZone)
    doesNot.push(`the loss of zone "${zone}": all members are in it`);
  if (zones.length > 1) tellOf("zone", zones, { cluster, records, of: zoneOf, survives, doesNot });
  const regions = distinct(records, (record) => record.region);
  if (regions.length > 1) doesNot.push(regionLost(cluster, name, regions));
  return { survives, doesNot };
}

interface Telling {
  readonly cluster: ClusterRecord;
  readonly records: readonly MemberRecord[];
  readonly of: (record: MemberRecord) => string;
  readonly survives: string[];
  readonly doesNot: string[];
}

function tellOf(what: string, domains: readonly string[], { cluster, records, of, survives, doesNot }: Telling): void {
  const fatal = domains.filter((domain) => {
    const lost = records.filter((record) => of(record) === domain).map(({ id }) => id);
    return !goesOnWithout(cluster, lost);
  });
  if (fatal.length === 0) survives.push(`the loss of any one ${what}: writes go on by themselves`);
  else doesNot.push(`the loss of ${what} ${fatal.map((domain) => `"${domain}"`).join(" or ")}`);
}

/** The primary stays, or those that are left elect by themselves. */
function goesOnWithout(cluster: ClusterRecord, lost: readonly MemberId[]): boolean {
  const { holder } = cluster.reign.value;
  if (!lost.includes(holder)) return cluster.spec.value.durability !== "strict" || keepsAcks(cluster, lost);
  const left = votersLeft(cluster, lost);
  return rulesInForce(cluster).every((rule) => canElect(rule, left));
}

/** Durability strict never does with fewer acknowledgements. */
function keepsAcks(cluster: ClusterRecord, lost: readonly MemberId[]): boolean {
  const { rule } = cluster.rule.value;
  return rule.voters.filter(({ member }) => !lost.includes(member)).length >= rule.acks;
}

function votersLeft(cluster: ClusterRecord, lost: readonly MemberId[]) {
  return Object.values(cluster.members)
    .filter(({ value }) => !lost.includes(value.id))
    .map(({ value }) => voterOf(value));
}

function regionLost(cluster: ClusterRecord, name: string, regions: readonly string[]): string {
  const { primaryRegion } = cluster.spec.value;
  const other = regions.find((region) => region !== primaryRegion) ?? "";
  const replicas = Object.values(cluster.members).filter(({ value }) => !inPrimaryRegion(cluster, value.id)).length;
  return (
    `the loss of region "${primaryRegion}" by itself: ${replicas === 1 ? "the read replica" : "read replicas"} elsewhere ` +
    `may lack the newest writes and ${replicas === 1 ? "is" : "are"} promoted only when asked: matriarch failover ${name} --primary-region ${other}`
  );
}

/** Zones of two regions are different ones, whatever they are called. */
function zoneOf({ region, zone }: MemberRecord): string {
  return region === zone ? zone : `${region}/${zone}`;
}

function distinct(records: readonly MemberRecord[], of: (record: MemberRecord) => string): readonly string[] {
  return [...new Set(records.map(of))].toSorted();
}
