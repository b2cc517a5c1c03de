/**
 * Whether members are well enough for a restart of some of them, before anything stops. Called for `restart`, for a newer
 * minor version and for settings that need one.
 */
import type { ClusterRuntime } from "../agent/runtime.ts";
import { judgeSwitchover, switchoverLagBytesMax } from "../core/candidates.ts";
import { inPrimaryRegion } from "../core/regions.ts";
import { formatRejection } from "../core/rejection.ts";
import type { MemberId } from "../domain/cluster.ts";
import { bytesBetween } from "../domain/lsn.ts";
import { viewOf } from "./explain.ts";

/** Everything that keeps it from going well, at once. */
export function restartProblems(
  cluster: ClusterRuntime,
  pending: readonly MemberId[],
  inPlace: boolean,
): readonly string[] {
  return [...unwell(cluster, pending), ...(inPlace ? [] : nobodyTakesOver(cluster, pending))];
}

/** A member that is sick may be restarted when it is the only one: that may be what cures it. */
function unwell({ record, members }: ClusterRuntime, pending: readonly MemberId[]): readonly string[] {
  const { holder } = record.reign.value;
  const primary = members.get(holder)?.server;
  const end = primary?.kind === "running" ? primary.flushed : undefined;
  const standbys = record.spec.value.members.filter((id) => id !== holder);
  return standbys.flatMap((id) => {
    if (pending.length === 1 && (pending[0] === id || pending[0] === holder)) return [];
    const server = members.get(id)?.server;
    if (server?.kind !== "running" || !server.streaming) return `"${id}" does not stream`;
    const lag = end === undefined ? 0 : bytesBetween(server.flushed, end);
    return lag > switchoverLagBytesMax ? `"${id}" is ${Math.round(lag / 1_000_000)} MB behind` : [];
  });
}

/** The primary alone is to be restarted, and there are others: clients would wait for the whole of a start. */
function nobodyTakesOver(cluster: ClusterRuntime, pending: readonly MemberId[]): readonly string[] {
  const { record } = cluster;
  const { holder } = record.reign.value;
  const others = record.spec.value.members.filter((id) => id !== holder && inPrimaryRegion(record, id));
  const view = viewOf(cluster);
  if (pending.length !== 1 || pending[0] !== holder || others.length === 0 || !view) return [];
  const verdicts = judgeSwitchover(view, null);
  if (verdicts.some(({ rejection }) => rejection === undefined)) return [];
  const why = verdicts.flatMap(({ rejection, member }) => (rejection && others.includes(member) ? [rejection] : []));
  return [
    `nobody can take over from "${holder}" (${why.map(formatRejection).join("; ")}); --in-place restarts it all the same`,
  ];
}
