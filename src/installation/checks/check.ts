/**
 * `check`: groups vm, pg and role over the members of a cluster. Each host looks at its own; all at once, each within its
 * time, so that the whole answers within five seconds whatever hangs.
 */
import { dirname } from "node:path";
import { checkReportSchema, type CheckLine, type CheckQuery, type CheckReport } from "../../contract/monitoring.ts";
import type { ClusterRuntime, MemberRuntime } from "../../agent/runtime.ts";
import { homePaths } from "../../config/home.ts";
import { isToRest } from "../../domain/cluster.ts";
import { OpError } from "../../errors/op-error.ts";
import { membersHere } from "../health/tell.ts";
import { clusterOf, memberOf, type Parts } from "../parts.ts";
import { askOthers } from "../storage/elsewhere.ts";
import type { ServerSources } from "../metrics/sources.ts";
import { runCheck, type Check } from "./line.ts";
import { roleCheck, serverChecks, type MemberAsked } from "./server.ts";
import { machineChecks, type Machine } from "./vm.ts";

/** @throws OpError cluster-not-found, member-not-found, cluster-stopped */
export async function checkCluster(
  parts: Parts,
  sources: ServerSources,
  name: string,
  query: CheckQuery,
): Promise<CheckReport> {
  const cluster = clusterOf(parts, name);
  if (query.member !== undefined) memberOf(cluster, query.member);
  refuseAtRest(cluster);
  const [lines, others] = await Promise.all([
    checkHere({ parts, sources }, cluster, query),
    checkElsewhere(parts, cluster, query),
  ]);
  const all = [...lines, ...others.lines].toSorted(byMember);
  return {
    cluster: name,
    ok: all.every(({ ok }) => ok) && others.missing.length === 0,
    lines: all,
    missing: others.missing,
  };
}

/** As Fly's checks say it: a mark, the name, what was found, how long it took. */
export async function checkText(
  parts: Parts,
  sources: ServerSources,
  group: string,
  member: string,
): Promise<{ readonly text: string; readonly ok: boolean }> {
  const cluster = [...parts.runtime.clusters.values()].find(({ record }) => record.members[member] !== undefined);
  if (!cluster) throw new OpError("member-not-found", { message: `there is no member "${member}"` });
  const known = (["vm", "pg", "role"] as const).find((one) => one === group);
  if (known === undefined) throw new OpError("bad-value", { message: "groups of checks are vm, pg and role" });
  const { lines, ok } = await checkCluster(parts, sources, cluster.name, { group: known, member, here: true });
  return { text: `${lines.map(lineText).join("\n")}\n`, ok };
}

export function lineText({ ok, check, message, hint, took_ms: took }: CheckLine): string {
  return `[${ok ? "✓" : "✗"}] ${check}: ${message} (${took}ms)${hint === null ? "" : `\n    ${hint}`}`;
}

/** Servers that are meant to be down are not looked for. */
function refuseAtRest({ record, name }: ClusterRuntime): void {
  if (!isToRest(record)) return;
  const how = record.spec.value.wish === "stopped" ? "stopped" : "asleep";
  throw new OpError("cluster-stopped", {
    message: `cluster "${name}" is ${how}: there is nothing to check`,
    hint: `Start it with: matriarch start ${name}`,
  });
}

interface Around {
  readonly parts: Parts;
  readonly sources: ServerSources;
}

async function checkHere(around: Around, cluster: ClusterRuntime, query: CheckQuery): Promise<readonly CheckLine[]> {
  const here = membersHere(around.parts, cluster).filter(({ id }) => query.member === undefined || query.member === id);
  if (here.length === 0) return [];
  const checks = checksOf(around, cluster, here).filter(
    ({ group }) => query.group === undefined || query.group === group,
  );
  return Promise.all(checks.map(runCheck));
}

function checksOf(
  { parts, sources }: Around,
  cluster: ClusterRuntime,
  members: readonly MemberRuntime[],
): readonly Check[] {
  const machine = machineOf(parts, cluster, members);
  const vm = machineChecks(machine);
  const asked = members.map((member): MemberAsked => ({
    cluster,
    member,
    host: parts.hostName,
    sources,
    room: vm.find((check) => check.check === "disk" && check.member === member.id)?.look ?? nothingKnown,
  }));
  return [...vm, ...asked.flatMap(serverChecks), ...asked.map(roleCheck)];
}

async function nothingKnown(): Promise<never> {
  throw new OpError("internal", { message: "its volume is not known" });
}

function machineOf(parts: Parts, { record, name }: ClusterRuntime, members: readonly MemberRuntime[]): Machine {
  const { pool } = parts.servers;
  const limitBytes = pool.noFixedSize === undefined ? record.spec.value.volumeBytes : undefined;
  return {
    host: parts.hostName,
    cluster: name,
    hooksDirectory: homePaths(parts.home).hooks,
    volumes: members.map(({ id }) => ({
      member: id,
      path: dirname(record.members[id]?.value.dataDirectory ?? ""),
      limitBytes,
    })),
    usedBytes: async (path) => (await pool.usage(path)).usedBytes,
  };
}

async function checkElsewhere(
  parts: Parts,
  { record, name }: ClusterRuntime,
  { here, group, member }: CheckQuery,
): Promise<Pick<CheckReport, "lines" | "missing">> {
  const self = parts.hosts.self?.name;
  if (here || self === undefined) return { lines: [], missing: [] };
  const wanted = Object.values(record.members).filter(({ value }) => member === undefined || value.id === member);
  const hosts = [...new Set(wanted.map(({ value }) => value.host))].filter((host) => host !== self);
  const query = new URLSearchParams({ here: "true", ...(group ? { group } : {}), ...(member ? { member } : {}) });
  const path = `/v1/clusters/${encodeURIComponent(name)}/check?${query.toString()}`;
  const question = { method: "GET", path, schema: checkReportSchema, answerMs: 4500 } as const;
  const { answers, missing } = await askOthers(parts, hosts, question);
  return { lines: answers.flatMap(({ lines }) => lines), missing: [...missing] };
}

/** The hosts first, then member by member. */
function byMember(a: CheckLine, b: CheckLine): number {
  const key = ({ host, member, group }: CheckLine): string =>
    member === null ? `0 ${host}` : `1 ${member} ${["vm", "pg", "role"].indexOf(group)}`;
  return key(a).localeCompare(key(b), "en", { numeric: true });
}
