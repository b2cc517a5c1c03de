/** Whether hosts have what the members on them are to be given. Called by create and scale, before anything is changed. */
import { formatSize } from "../contract/units.ts";
import type { ClusterRecord } from "../domain/cluster.ts";
import { machineHere, type Machine } from "../drivers/limits/machine.ts";
import { OpError } from "../errors/op-error.ts";
import { isHere, type Parts } from "./parts.ts";
import type { ClusterPlaces } from "./placement/plan.ts";

const mib = 1024 * 1024;
/** Postgres starts with less, and then has no memory to work with. */
export const memberMemoryBytes = 128 * mib;

/** Of one host: how many members of the cluster are on it. */
export interface Load {
  /** undefined: this machine, and there is no other */
  readonly host: string | undefined;
  readonly members: number;
  /** undefined: its agent is too old to say */
  readonly machine: Machine | undefined;
}

export interface Size {
  readonly memoryBytes: number;
  /** undefined: nobody named it, so there is nothing to refuse */
  readonly cpus: number | undefined;
}

/** What each host would carry with this many members on this machine, or with the members where they are. */
export function loadsOf(parts: Parts, record: ClusterRecord, members: number): readonly Load[] {
  if (!parts.hosts.self) return [{ host: undefined, members, machine: machineHere() }];
  const hosts = Object.values(record.members).map(({ value }) => value.host);
  return [...new Set(hosts)].map((host) => ({
    host,
    members: hosts.filter((other) => other === host).length,
    machine: isHere(parts, { host }) ? machineHere() : parts.hosts.all().find(({ name }) => name === host)?.machine,
  }));
}

/** Of a cluster that is about to be made. */
export function loadsOfPlaces({ members, hosts }: ClusterPlaces): readonly Load[] {
  if (hosts.length === 0) return [{ host: undefined, members: members.length, machine: machineHere() }];
  const names = hosts.map(({ name }) => name);
  return [...new Set(names)].map((host) => ({
    host,
    members: names.filter((other) => other === host).length,
    machine: hosts.find(({ name }) => name === host)?.machine,
  }));
}

/**
 * Hosts whose members, those of other clusters among them, are given more than there is: nothing is wrong before all of
 * them use it. What Matriarch itself chose for a cluster counts as well: its servers are tuned for that.
 */
export function overcommitted(
  parts: Parts,
  loads: readonly Load[],
  { name, memoryBytes }: { readonly name: string; readonly memoryBytes: number },
): readonly string[] {
  const others = [...parts.runtime.clusters.values()].filter((cluster) => cluster.name !== name);
  return loads.flatMap(({ host, members, machine }) => {
    const beside = others.map(({ name: other, record }) => {
      const here = Object.values(record.members).filter(({ value }) => host === undefined || value.host === host);
      return { name: other, bytes: here.length * record.spec.value.memoryBytes };
    });
    const each = [{ name, bytes: members * memoryBytes }, ...beside].filter(({ bytes }) => bytes > 0);
    const bytes = each.reduce((sum, one) => sum + one.bytes, 0);
    if (!machine || each.length < 2 || bytes <= machine.memoryBytes) return [];
    const listed = each.map((one) => `${one.name} ${formatSize(one.bytes)}`).join(", ");
    return [
      `${nameOf(host)} has ${formatSize(machine.memoryBytes)}, and its members are given ${formatSize(bytes)} together: ${listed}. Should all use it, the kernel ends some of them`,
    ];
  });
}

/** @throws OpError bad-value, too-little-memory */
export function refuseSize(loads: readonly Load[], { memoryBytes, cpus }: Size): void {
  if (memoryBytes < memberMemoryBytes)
    throw new OpError("bad-value", {
      message: `--memory is for each member and must be at least ${formatSize(memberMemoryBytes)}, not ${formatSize(memoryBytes)}`,
    });
  const small = loads.filter(({ members, machine }) => machine && members * memoryBytes > machine.memoryBytes);
  if (small.length > 0) throw tooLittle(small, memoryBytes);
  const narrow = loads.filter(({ machine }) => machine && cpus !== undefined && cpus > machine.cpus);
  if (narrow.length === 0 || cpus === undefined) return;
  throw new OpError("bad-value", {
    message: `--cpus ${cpus} is more than a host has`,
    detail: narrow.map(({ host, machine }) => `${nameOf(host)} has ${machine?.cpus ?? 0}.`).join(" "),
  });
}

function tooLittle(loads: readonly Load[], memoryBytes: number): OpError {
  const each = loads.map(({ host, members, machine }) => {
    const has = formatSize(machine?.memoryBytes ?? 0);
    return `${membersOf(members)} with ${formatSize(memoryBytes)} need ${formatSize(members * memoryBytes)}; ${nameOf(host)} has ${has}.`;
  });
  return new OpError("too-little-memory", {
    message: `members with ${formatSize(memoryBytes)} each need more memory than there is`,
    detail: each.join("\n"),
    hint: "Give less with --memory, or make fewer members with --members.",
  });
}

function nameOf(host: string | undefined): string {
  return host === undefined ? "this machine" : `host "${host}"`;
}

function membersOf(count: number): string {
  return `${count} ${count === 1 ? "member" : "members"}`;
}
