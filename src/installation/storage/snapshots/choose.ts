/**
 * Which member a snapshot is taken of: a standby that has caught up, for it costs the primary nothing; here rather than on
 * another host; else the primary. Of one that is stopped or asleep, the member that was its primary. Pure.
 */
import type { ClusterRuntime } from "../../../agent/runtime.ts";
import { isToRest, type MemberId, type MemberRecord } from "../../../domain/cluster.ts";
import { bytesBetween } from "../../../domain/lsn.ts";
import type { RunningServer } from "../../../domain/server.ts";
import { OpError } from "../../../errors/op-error.ts";
import { memberOf } from "../../parts.ts";

export interface Chosen {
  readonly member: MemberRecord;
  readonly state: "running" | "stopped";
  readonly role: "primary" | "standby";
}

/** A standby further behind holds too little of today. */
const lagBytesMax = 16 << 20;

/** @throws OpError member-not-found, no-candidate */
export function chooseMember(
  cluster: ClusterRuntime,
  wanted: MemberId | undefined,
  isHere: (member: MemberRecord) => boolean,
): Chosen {
  if (wanted !== undefined) memberOf(cluster, wanted);
  const members = Object.values(cluster.record.members).map(({ value }) => value);
  const fit = members.flatMap((member) => {
    if (wanted !== undefined && member.id !== wanted) return [];
    return judge(cluster, member, wanted !== undefined) ?? [];
  });
  const [best] = fit.toSorted((a, b) => rank(a, isHere) - rank(b, isHere));
  if (best) return best;
  throw new OpError("no-candidate", {
    message:
      wanted === undefined
        ? `no member of "${cluster.name}" can be copied now`
        : `"${wanted}" cannot be copied now: it neither runs nor was it stopped in order`,
    hint: `See how they are: matriarch status ${cluster.name}`,
  });
}

function judge(cluster: ClusterRuntime, member: MemberRecord, isAsked: boolean): Chosen | undefined {
  const { record } = cluster;
  const server = cluster.members.get(member.id)?.server;
  if (server?.kind === "stopped" && isToRest(record)) {
    const isLast = record.reign.value.holder === member.id;
    return server.clean && (isLast || isAsked)
      ? { member, state: "stopped", role: isLast ? "primary" : "standby" }
      : undefined;
  }
  if (server?.kind !== "running") return undefined;
  if (server.role === "primary") return { member, state: "running", role: "primary" };
  return isAsked || isCaughtUp(cluster, server) ? { member, state: "running", role: "standby" } : undefined;
}

function isCaughtUp({ record, members }: ClusterRuntime, standby: RunningServer): boolean {
  const primary = members.get(record.reign.value.holder)?.server;
  if (!standby.streaming || primary?.kind !== "running" || primary.timeline !== standby.timeline) return false;
  return bytesBetween(standby.replayed, primary.flushed) <= lagBytesMax;
}

function rank({ member, role }: Chosen, isHere: (member: MemberRecord) => boolean): number {
  return (role === "primary" ? 2 : 0) + (isHere(member) ? 0 : 1);
}
