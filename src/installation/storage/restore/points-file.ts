/**
 * Restore points as a host remembers them, in `restore-points/CLUSTER.json` below the home of the one whose primary made
 * them: a point in the log is found by its position, also when the cluster is gone.
 */
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { RestorePointStatus } from "../../../contract/storage.ts";
import { replaceDurably } from "../../../drivers/postgres/provision/durable.ts";
import type { Parts } from "../../parts.ts";

const pointSchema = z.strictObject({
  name: z.string(),
  at: z.number(),
  by: z.string(),
  lsn: z.string(),
  timeline: z.int(),
  systemIdentifier: z.string(),
});
export type RestorePoint = z.infer<typeof pointSchema>;

/** The oldest go: nothing that is kept reaches back so far. */
const keptMost = 1000;
const keptMs = 90 * 86_400_000;

export async function pointsHere(parts: Pick<Parts, "home">, cluster: string): Promise<readonly RestorePoint[]> {
  const text = await readFile(fileOf(parts, cluster), "utf8").catch(() => "[]");
  return z.array(pointSchema).parse(JSON.parse(text));
}

/** By path: two at once would write one draft, and one of them lose the other's point. */
const writing = new Map<string, Promise<void>>();

export async function keepPoint(parts: Pick<Parts, "home">, cluster: string, point: RestorePoint): Promise<void> {
  const path = fileOf(parts, cluster);
  const turn = (writing.get(path) ?? Promise.resolve()).then(() => addPoint(parts, cluster, point));
  const ended = turn.catch(() => undefined);
  writing.set(path, ended);
  await turn.finally(() => writing.get(path) === ended && writing.delete(path));
}

async function addPoint(parts: Pick<Parts, "home">, cluster: string, point: RestorePoint): Promise<void> {
  const before = (await pointsHere(parts, cluster)).filter(({ at }) => at > point.at - keptMs);
  const path = fileOf(parts, cluster);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const points = [...before, point].slice(-keptMost);
  await replaceDurably(path, `${JSON.stringify(points, null, 2)}\n`);
}

function fileOf({ home }: Pick<Parts, "home">, cluster: string): string {
  return join(home, "restore-points", `${cluster}.json`);
}

export function statusOf(point: RestorePoint, isCurrent: boolean): RestorePointStatus {
  const { name, at, by, lsn, timeline, systemIdentifier } = point;
  const made = new Date(at).toISOString();
  return { name, made_at: made, by, lsn, timeline, system_identifier: systemIdentifier, is_current: isCurrent };
}
