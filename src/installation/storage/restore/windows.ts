/** What a cluster can be restored to, of all hosts and also when the cluster is gone. */
import { restoreWindowsSchema, type RestoreWindows } from "../../../contract/storage.ts";
import { clusterOf, type Parts } from "../../parts.ts";
import { askOthers } from "../elsewhere.ts";
import { otherHosts } from "../snapshots/list.ts";
import { candidatesOf, windowsOf } from "./plan.ts";
import { onceSettled } from "./settled.ts";
import { pointsHere, statusOf } from "./points-file.ts";

/** Less than another host waits for it. */
const answerMs = 3000;

/** @throws OpError cluster-not-found when there is neither the cluster nor anything to restore it from */
export async function listWindows(
  parts: Parts,
  name: string,
  { here }: { readonly here: boolean },
): Promise<RestoreWindows> {
  const current = parts.runtime.clusters.get(name)?.record.spec.value.systemIdentifier;
  const host = parts.hosts.self?.name ?? parts.hostName;
  const windows = windowsOf(await onceSettled(parts, name, () => candidatesOf(parts, name), answerMs)).map(
    ({ from, until, systemIdentifier }) => ({
      host,
      from: new Date(from).toISOString(),
      until: new Date(until).toISOString(),
      is_current: systemIdentifier === current,
    }),
  );
  const points = (await pointsHere(parts, name)).map((point) => statusOf(point, point.systemIdentifier === current));
  if (here) return { windows, points, missing: [] };
  const path = `/v1/clusters/${encodeURIComponent(name)}/restore-windows?here=true`;
  const question = { method: "GET", path, schema: restoreWindowsSchema } as const;
  const { answers, missing } = await askOthers(parts, otherHosts(parts), question);
  const all = {
    windows: [...windows, ...answers.flatMap((answer) => answer.windows)],
    points: [...points, ...answers.flatMap((answer) => answer.points)],
  };
  if (current === undefined && all.windows.length + all.points.length === 0) clusterOf(parts, name);
  return {
    windows: all.windows.toSorted((a, b) => a.from.localeCompare(b.from)),
    points: all.points.toSorted((a, b) => a.made_at.localeCompare(b.made_at)),
    missing: [...missing],
  };
}
