/**
 * Snapshots that nobody asks for: one a day of each cluster, begun by the agent that has the primary's member, and the
 * end of those that were kept for their time, on each host for its own. Called by the care of storage once a minute.
 */
import type { ClusterRecord, ClusterSpec, MemberRecord } from "../../../domain/cluster.ts";
import { isDailyDue, keptUntil, lastDueAt, type Snapshot } from "../../../domain/snapshot.ts";
import type { VolumePool } from "../../../drivers/volume/port.ts";
import { OpError } from "../../../errors/op-error.ts";
import { isHere, type Parts } from "../../parts.ts";
import { readSnapshots, removeSnapshot, snapshotClusters, volumeOfSnapshot, type SnapshotPlaces } from "./files.ts";
import { isInUse } from "./in-use.ts";
import { listSnapshots } from "./list.ts";
import { beginSnapshot } from "./take.ts";

const retryMs = 3_600_000;
const matriarch = { by: "matriarch" } as const;

/** What the care of daily snapshots needs of the agent. */
export interface DailyParts {
  readonly records: () => readonly ClusterRecord[];
  readonly isHere: (member: MemberRecord) => boolean;
  readonly wallNow: () => number;
  /** of any host; undefined when there is none */
  readonly newestDaily: (cluster: string) => Promise<number | undefined>;
  readonly begin: (cluster: string) => Promise<unknown>;
  readonly skipped: (cluster: string, reason: string) => void;
  readonly failed: (cluster: string, error: unknown) => void;
}

export class DailySnapshots {
  readonly #parts: DailyParts;
  /** wall clock, by cluster: when one was begun last, whatever came of it */
  readonly #tried = new Map<string, number>();
  /** the due time by which it had been taken, and the one of which it was told that it was not */
  readonly #done = new Map<string, number>();
  readonly #told = new Map<string, number>();

  constructor(parts: DailyParts) {
    this.#parts = parts;
  }

  async look(): Promise<void> {
    for (const record of this.#parts.records()) {
      const { name } = record.spec.value;
      await this.#take(record).catch((error: unknown) => this.#notTaken(name, error));
    }
  }

  async #take({ spec: { value: spec }, members, reign }: ClusterRecord): Promise<void> {
    const { name } = spec;
    const { isHere: here, wallNow, newestDaily, begin } = this.#parts;
    const holder = members[reign.value.holder]?.value;
    const now = wallNow();
    const due = lastDueAt(name, now);
    if (!holder || !here(holder) || spec.wish !== "running" || !isDailyDue(spec, undefined, now)) return;
    if (this.#done.get(name) === due || now - (this.#tried.get(name) ?? Number.NEGATIVE_INFINITY) < retryMs) return;
    if (!isDailyDue(spec, await newestDaily(name), now)) return void this.#done.set(name, due);
    this.#tried.set(name, now);
    await begin(name);
  }

  /** Told once a day: what keeps it from being taken is most often there an hour later, too. */
  #notTaken(name: string, error: unknown): void {
    this.#parts.failed(name, error);
    const due = lastDueAt(name, this.#parts.wallNow());
    if (this.#told.get(name) === due || !(error instanceof OpError) || error.code !== "too-little-disk") return;
    this.#told.set(name, due);
    this.#parts.skipped(name, [error.message, error.detail].filter((text) => text !== undefined).join(". "));
  }
}

export function dailySnapshots(parts: Parts): DailySnapshots {
  return new DailySnapshots({
    records: () => [...parts.runtime.clusters.values()].map(({ record }) => record),
    isHere: (member) => isHere(parts, member),
    wallNow: () => parts.clock.wallNow(),
    newestDaily: async (name) => {
      const { snapshots } = await listSnapshots(parts, name, { here: false });
      const newest = snapshots.filter(({ why, is_current: isCurrent }) => why === "daily" && isCurrent).at(-1);
      return newest && Date.parse(newest.taken_at);
    },
    begin: (name) => beginSnapshot(parts, name, { why: "daily", here: false }, matriarch),
    skipped: (cluster, reason) => void parts.events.emit("snapshot.skipped", { cluster }, { reason }),
    failed: (cluster, error) => parts.log.warn("no daily snapshot", { cluster, error }),
  });
}

/** @param specOf of the cluster that has this name now */
export async function expireSnapshots(
  places: SnapshotPlaces,
  pool: VolumePool,
  specOf: (cluster: string) => ClusterSpec | undefined,
  now: number,
): Promise<readonly Snapshot[]> {
  const expired: Snapshot[] = [];
  for (const cluster of await snapshotClusters(places)) {
    for (const snapshot of await readSnapshots(places, cluster)) {
      if (keptUntil(snapshot, specOf(cluster)) > now || isInUse(volumeOfSnapshot(places, snapshot))) continue;
      await removeSnapshot(places, pool, snapshot);
      expired.push(snapshot);
    }
  }
  return expired;
}

/** Of this host, with an event for each. @param now a time that does not jump (patient-time.ts) */
export async function endExpired(parts: Parts, now: number): Promise<void> {
  const specOf = (cluster: string): ClusterSpec | undefined => parts.runtime.clusters.get(cluster)?.record.spec.value;
  for (const snapshot of await expireSnapshots(parts, parts.servers.pool, specOf, now)) {
    const { id, cluster, member, createdAt } = snapshot;
    const days = Math.round((keptUntil(snapshot, specOf(cluster)) - createdAt) / 86_400_000);
    parts.events.emit("snapshot.expired", { cluster, member }, { snapshot: id, kept_days: days });
  }
}
