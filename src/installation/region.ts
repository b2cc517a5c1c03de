/**
 * Another primary region: in order, without loss, while both are healthy (the core moves voters and primary once the
 * spec says so); or by force, when the old one is lost. Also which member a failover would take, and what that may lose.
 */
import type { ClusterRuntime } from "../agent/runtime.ts";
import type { Candidate } from "../contract/cluster.ts";
import type { Asked } from "../contract/installation.ts";
import { judgeMove } from "../core/candidates.ts";
import { inPrimaryRegion, mayVote, regionOf, votersInFull } from "../core/regions.ts";
import { formatRejection } from "../core/rejection.ts";
import { bytesBetween, type Lsn } from "../domain/lsn.ts";
import type { Server } from "../domain/server.ts";
import { OpError } from "../errors/op-error.ts";
import type { OperationRecord } from "../events/event.ts";
import { awake } from "./awake.ts";
import { begin, follow, refuseUnfit, type FailoverOptions } from "./changes.ts";
import { candidatesOf, viewOf } from "./explain.ts";
import { amend, awaitCluster, clusterOf, type Parts } from "./parts.ts";

const moveMs = 180_000;
/** Of operations; the region follows. */
export const regionKind = "primary region ";

export async function changeRegion(
  parts: Parts,
  name: string,
  { to, primaryRegion }: { readonly to: string | undefined; readonly primaryRegion: string },
  asked: Asked,
): Promise<OperationRecord> {
  const cluster = await awake(parts, name, asked);
  refuseUnfit(parts, cluster);
  if (to !== undefined)
    throw new OpError("bad-value", {
      message: "--to and --primary-region cannot be used together",
      hint: `Move to the region first; then: matriarch switchover ${name} --to ${to}`,
    });
  refuseEmptyRegion(cluster, primaryRegion);
  refuseUnready(cluster, primaryRegion);
  const before = cluster.record.spec.value.primaryRegion;
  const step = `moving the primary to region ${primaryRegion}`;
  const operation = begin(parts, `${regionKind}${primaryRegion}`, name, asked, step);
  return follow(parts, operation, async () => {
    await setRegion(parts, name, primaryRegion);
    await awaitMove(parts, name, { from: before, to: primaryRegion });
  });
}

async function awaitMove(parts: Parts, name: string, { from, to }: { from: string; to: string }): Promise<void> {
  const wait = { withinMs: moveMs, describe: () => "The primary has not moved yet." };
  try {
    await awaitCluster(parts, name, (cluster) => hasMoved(cluster, to), wait);
  } catch (error) {
    // Nothing has moved: the wish is taken back, so that it does not come true at a moment that nobody expects.
    if (!parts.signal.aborted && !hasMoved(clusterOf(parts, name), to)) await setRegion(parts, name, from);
    throw error;
  }
}

/** The way on after an agent that ended in the middle. What has been asked for since is not undone. */
export function resumeRegion(parts: Parts, operation: OperationRecord): OperationRecord {
  const { cluster: name, kind } = operation;
  const wanted = kind.slice(regionKind.length);
  return follow(parts, operation, async () => {
    const { record } = clusterOf(parts, name);
    const { primaryRegion } = record.spec.value;
    if (primaryRegion !== wanted)
      throw new OpError("operation-failed", {
        message: `the primary region of "${name}" is "${primaryRegion}"`,
        detail: "The agent ended before it had changed it, or it was changed again meanwhile.",
        hint: `See: matriarch status ${name}`,
      });
    // Until it has moved the holder is where it was.
    await awaitMove(parts, name, { from: regionOf(record, record.reign.value.holder) ?? wanted, to: wanted });
  });
}

/** By the newest record alone: one from before the change says that the primary is at home, and it is in the old region. */
export function hasMoved({ record }: Pick<ClusterRuntime, "record">, region: string): boolean {
  const { holder, phase } = record.reign.value;
  if (record.spec.value.primaryRegion !== region) return false;
  const { voters } = record.rule.value.rule;
  const isHome = phase === "open" && inPrimaryRegion(record, holder);
  return (
    isHome && voters.every(({ member }) => inPrimaryRegion(record, member)) && voters.length <= votersInFull(record)
  );
}

async function setRegion(parts: Parts, name: string, primaryRegion: string): Promise<void> {
  await amend(parts, name, ({ spec }) => ({
    require: ["spec"],
    write: [{ key: "spec", value: { ...spec.value, primaryRegion, generation: spec.value.generation + 1 } }],
  }));
}

function refuseEmptyRegion({ name, record }: ClusterRuntime, region: string): void {
  const { members, primaryRegion } = record.spec.value;
  if (region === primaryRegion)
    throw new OpError("bad-value", { message: `region "${region}" is the primary region already` });
  if (members.some((member) => regionOf(record, member) === region)) return;
  throw new OpError("no-candidate", {
    message: `cluster "${name}" has no member in region "${region}"`,
    hint: `Add one with: matriarch member add ${name} --region ${region}`,
  });
}

function refuseUnready(cluster: ClusterRuntime, region: string): void {
  const view = viewOf(cluster);
  const verdicts = view ? judgeMove(view, region) : [];
  if (verdicts.some(({ rejection }) => rejection === undefined)) return;
  const why = verdicts
    .filter(({ member }) => regionOf(cluster.record, member) === region)
    .flatMap(({ rejection }) => (rejection ? formatRejection(rejection) : []));
  throw new OpError("no-candidate", {
    message: `no member in region "${region}" can become primary now`,
    ...(why.length === 0 ? {} : { detail: `${why.join("; ")}.` }),
    hint: `See: matriarch switchover ${cluster.name} --primary-region ${region} --dry-run`,
  });
}

/**
 * A failover to a read replica, or to another region, makes that region the primary one, and may lose what the replica
 * never received: only with both words of the operator.
 */
export function regionForFailover(parts: Parts, name: string, options: FailoverOptions): FailoverOptions {
  const cluster = clusterOf(parts, name);
  const { record } = cluster;
  const { to } = options;
  const isReplica = to !== undefined && record.members[to] !== undefined && !mayVote(record, to);
  const region = options.primaryRegion ?? (isReplica ? regionOf(record, to) : undefined);
  if (region === undefined) return options;
  refuseEmptyRegion(cluster, region);
  if (to !== undefined && regionOf(record, to) !== region)
    throw new OpError("bad-value", { message: `"${to}" is not in region "${region}"` });
  const target = to ?? successorsOf(cluster, undefined, region).find(({ chosen }) => chosen)?.member;
  if (target === undefined)
    throw new OpError("no-candidate", { message: `no member in region "${region}" is heard of now` });
  if (!options.force || !options.acceptDataLoss) throw lossRefused(cluster, target, region);
  return { ...options, to: target, primaryRegion: region };
}

function lossRefused(cluster: ClusterRuntime, target: string, region: string): OpError {
  const lost = successorsOf(cluster, target, region).find(({ member }) => member === target)?.lag_bytes ?? null;
  const most =
    lost === null ? "Nobody knows how much it lacks." : `It lacks ${lost} bytes of the newest log that is known.`;
  return new OpError("data-loss-refused", {
    message: `"${target}" is a read replica in region "${region}": acknowledged writes may be lost`,
    detail:
      `${most} A primary that still runs in region "${cluster.record.spec.value.primaryRegion}", cut off from here, goes on ` +
      "taking writes until it hears of this; they are lost too.",
    hint: `If the old region is lost: matriarch failover ${cluster.name} --to ${target} --force --accept-data-loss. If it is well: matriarch switchover ${cluster.name} --primary-region ${region}`,
  });
}

/** The verdict on every member for a failover: within the primary region as for a switchover, elsewhere by what it lacks. */
export function successorsOf(
  cluster: ClusterRuntime,
  to: string | undefined,
  region: string | undefined,
): readonly Candidate[] {
  const { record, members } = cluster;
  const wanted = region ?? (to !== undefined && !mayVote(record, to) ? regionOf(record, to) : undefined);
  if (wanted === undefined || wanted === record.spec.value.primaryRegion) return candidatesOf(cluster, to);
  const newest = newestLog(cluster);
  const judged = [...members.values()]
    .map(({ id, server }) => ({ id, end: endOf(server), isThere: regionOf(record, id) === wanted }))
    .map(({ id, end, isThere }) => ({
      member: id,
      end,
      eligible: isThere && end !== undefined && (to === undefined || to === id),
      lag_bytes: end === undefined || newest === undefined ? null : bytesBetween(end, newest),
    }))
    .toSorted((a, b) => Number(b.eligible) - Number(a.eligible) || compareEnds(b.end, a.end))
    .map(({ end: _end, ...verdict }) => verdict);
  const chosen = judged.find(({ eligible }) => eligible)?.member;
  return judged.map((verdict) => ({
    ...verdict,
    chosen: verdict.member === chosen,
    reason: verdict.eligible
      ? "read replica: acknowledged writes that it lacks would be lost"
      : regionOf(record, verdict.member) === wanted
        ? "not heard of, or another was asked for"
        : `not in region "${wanted}"`,
  }));
}

function endOf(server: Server): Lsn | undefined {
  if (server.kind === "running") return server.flushed;
  return server.kind === "stopped" ? server.end : undefined;
}

/** undefined when the primary is not heard: how far its log goes is known to nobody else. */
function newestLog({ record, members }: ClusterRuntime): Lsn | undefined {
  const primary = members.get(record.reign.value.holder);
  if (!primary || endOf(primary.server) === undefined) return undefined;
  return [...members.values()].flatMap(({ server }) => endOf(server) ?? []).reduce<Lsn | undefined>(later, undefined);
}

function compareEnds(a: Lsn | undefined, b: Lsn | undefined): number {
  return Number((a ?? -1n) - (b ?? -1n));
}

function later(a: Lsn | undefined, b: Lsn): Lsn {
  return a === undefined || b > a ? b : a;
}
