/** Forks that were made for a time go by themselves when it is over. Called by the care of storage once a minute. */
import type { ClusterRecord, ClusterSpec, MemberRecord } from "../../domain/cluster.ts";
import { beginDestroy } from "../destroy.ts";
import { isHere, type Parts } from "../parts.ts";

/** Forks whose time is over, for the host of the primary to destroy. */
export function expiredForks(
  records: readonly ClusterRecord[],
  here: (member: MemberRecord) => boolean,
  now: number,
): readonly ClusterSpec[] {
  return records.flatMap(({ spec: { value: spec }, reign, members }) => {
    const holder = members[reign.value.holder]?.value;
    const isOver = spec.fork?.expiresAt !== undefined && spec.fork.expiresAt <= now;
    return isOver && holder !== undefined && here(holder) ? [spec] : [];
  });
}

/**
 * One that is busy is left until the next.
 * @param now a time that does not jump (patient-time.ts)
 */
export function destroyExpired(parts: Parts, now: number): void {
  const records = [...parts.runtime.clusters.values()].map(({ record }) => record);
  for (const { name, fork } of expiredForks(records, (member) => isHere(parts, member), now)) {
    if (parts.operations.underWay(name).length > 0) continue;
    parts.events.emit("cluster.expired", { cluster: name }, { of: fork?.of ?? "" });
    beginDestroy(parts, name, { by: "matriarch" });
  }
}
