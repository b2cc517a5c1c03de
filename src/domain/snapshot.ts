/**
 * A copy of one member's volume on the same host (design, section 7), and when it goes. Kept with what is needed to
 * make a cluster of it when nothing else of its own is left. Pure.
 */
import type { ClusterSpec, MemberId } from "./cluster.ts";

export interface Snapshot {
  readonly id: string;
  readonly cluster: string;
  readonly member: MemberId;
  readonly host: string;
  /** wall clock; what was committed before it was begun is in it */
  readonly createdAt: number;
  readonly tookMs: number;
  readonly by: string;
  readonly why: "asked" | "daily" | "before-restore" | "before-change" | "before-rejoin";
  /** of one moment, or copied file by file in backup mode with the log that makes it consistent */
  readonly how: "atomic" | "backup-mode" | "stopped";
  /** what the member was */
  readonly role: "primary" | "standby";
  readonly timeline: number;
  /** where its replay begins: it needs the log from there on. Left out in those of older releases */
  readonly start?: { readonly timeline: number; readonly lsn: string };
  /** full version of the engine, `18.4` */
  readonly version: string;
  readonly bytes: number;
  /** its own; without it as long as the cluster says */
  readonly keptDays?: number;
  /** of the cluster as it was: with its settings it can be brought back */
  readonly spec: ClusterSpec;
}

/** What a forced failover went on without: its log goes another way than the cluster's, and leads to its own end only. */
export function isOffTheLine({ why }: Pick<Snapshot, "why">): boolean {
  return why === "before-rejoin";
}

export interface SnapshotPolicy {
  readonly daily: boolean;
  readonly keptDays: number;
}

export const defaultPolicy: SnapshotPolicy = { daily: true, keptDays: 5 };

const dayMs = 86_400_000;

/** @param spec of the cluster as it is now; without it what it was when the snapshot was taken */
export function keptUntil(snapshot: Snapshot, spec: ClusterSpec | undefined): number {
  // A cluster of the same name that came later says nothing about the one before it.
  const now = spec?.systemIdentifier === snapshot.spec.systemIdentifier ? spec : snapshot.spec;
  const { keptDays } = now.snapshots ?? defaultPolicy;
  return snapshot.createdAt + (snapshot.keptDays ?? keptDays) * dayMs;
}

/** Sorts by time as text, and is a file's name; `chance` tells apart what two hosts take in one second. */
export function snapshotId(cluster: string, at: number, chance: string): string {
  const time = new Date(at).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${cluster}-${time}-${chance}`;
}

export function isSnapshotId(text: string): boolean {
  return /^[a-z][a-z0-9-]*-\d{8}T\d{6}Z-[0-9a-f]{4}$/.test(text);
}

/** To the second. */
export function takenAt(id: string): number {
  const [, day = "", time = ""] = /-(\d{8})T(\d{6})Z-/.exec(id) ?? [];
  const parts = [day.slice(0, 4), day.slice(4, 6), day.slice(6)].join("-");
  return Date.parse(`${parts}T${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4)}Z`);
}

/**
 * When the day's snapshot of a cluster is taken, after midnight UTC. By its name, so that those of many clusters are
 * spread over the day, and every host and every agent agrees.
 */
export function dailyAtMs(cluster: string): number {
  let hash = 2_166_136_261;
  for (const letter of cluster) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 16_777_619) >>> 0;
  return (hash % 1440) * 60_000;
}

/** The newest time, up to now, at which a daily snapshot was to be taken. */
export function lastDueAt(cluster: string, now: number): number {
  const at = Math.floor(now / dayMs) * dayMs + dailyAtMs(cluster);
  return at <= now ? at : at - dayMs;
}

/** @param newest when the last daily one was taken; undefined: none is known */
export function isDailyDue(spec: ClusterSpec, newest: number | undefined, now: number): boolean {
  if (!(spec.snapshots ?? defaultPolicy).daily) return false;
  const due = lastDueAt(spec.name, now);
  return due > Math.max(newest ?? 0, spec.createdAt);
}
