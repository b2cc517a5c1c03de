/** A rolling restart as people follow it: a step for each turn. Called by restart.ts and by what waits for its end. */
import type { ClusterRuntime } from "../agent/runtime.ts";
import type { MemberId } from "../domain/cluster.ts";

/** What it is doing, by who has had a turn. */
export function stepOf(pending: readonly MemberId[], done: number, { record }: Pick<ClusterRuntime, "record">): string {
  const { holder } = record.reign.value;
  const next = pending.find((id) => id !== holder) ?? pending[0];
  if (next === undefined) return "waiting for the end";
  const count = `${done + 1} of ${done + pending.length}`;
  return next === holder ? `restarting the primary, ${next} (${count})` : `restarting ${next} (${count})`;
}
