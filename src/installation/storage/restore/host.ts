/** Which host a cluster is restored on: one that has the copy to begin with. */
import type { RestoreRequest, RestoreWindows } from "../../../contract/storage.ts";
import type { RecoveryTarget } from "../../../domain/recovery.ts";
import type { Parts } from "../../parts.ts";
import { listSnapshots, snapshotNotFound } from "../snapshots/list.ts";
import { listWindows } from "./windows.ts";

/** @returns undefined for this one, which says why when it cannot. @throws OpError snapshot-not-found */
export async function hostToRestoreOn(
  parts: Parts,
  name: string,
  target: RecoveryTarget,
  { snapshot, here }: Pick<RestoreRequest, "snapshot" | "here">,
): Promise<string | undefined> {
  const self = parts.hosts.self?.name;
  if (self === undefined || here) return undefined;
  if (snapshot !== undefined) {
    const { snapshots } = await listSnapshots(parts, name, { here: false });
    const found = snapshots.find(({ id }) => id === snapshot);
    if (!found) throw snapshotNotFound(name, snapshot);
    return found.host === self ? undefined : found.host;
  }
  const { windows } = await listWindows(parts, name, { here: false });
  const best = rank(windows, target, self)[0];
  return best === undefined || best.host === self ? undefined : best.host;
}

/** Whether a snapshot of any host is old enough: how far its log leads is known once that of all hosts was collected. */
export async function reachesOnHosts(parts: Parts, name: string, target: RecoveryTarget): Promise<boolean> {
  if (parts.hosts.self === undefined) return false;
  const { windows } = await listWindows(parts, name, { here: false });
  return windows.some(({ from }) => target.kind !== "time" || Date.parse(from) <= target.ms);
}

/** Of those that lead there, this host before others, and the newest first. */
function rank(windows: RestoreWindows["windows"], target: RecoveryTarget, self: string): RestoreWindows["windows"] {
  const fit = windows.filter(
    ({ from, until }) => target.kind !== "time" || (Date.parse(from) <= target.ms && target.ms <= Date.parse(until)),
  );
  const isHere = ({ host }: { readonly host: string }): number => Number(host === self);
  if (target.kind === "newest") return fit.toSorted((a, b) => b.until.localeCompare(a.until) || isHere(b) - isHere(a));
  return fit.toSorted(
    (a, b) => Number(b.is_current) - Number(a.is_current) || isHere(b) - isHere(a) || b.until.localeCompare(a.until),
  );
}
