/**
 * How far this host's standbys are behind, in bytes and in time, and whether they are too far behind to be read from.
 * Called by the cluster's loop at every look; pure. Clocks of other hosts do not count: time is measured from the moment
 * at which this host learned of a position of the primary's log until the standby has replayed it. So a standby of an
 * idle primary is not behind, however long ago the last commit was.
 */
import type { ClusterSpec, MemberId } from "../domain/cluster.ts";
import { bytesBetween, laterLsn, type Lsn } from "../domain/lsn.ts";
import type { RunningServer } from "../domain/server.ts";

/** What a member's host says of it as a server to read from. */
export interface ReadLag {
  readonly lagBytes: number;
  /** null: longer than this host has been looking */
  readonly lagMs: number | null;
  /** beyond the cluster's limit, or not back within it for long enough */
  readonly isBehind: boolean;
}

export type LagLimits = Pick<ClusterSpec, "readLagBytesMax" | "reads">;

/** Longer than most bursts, shorter than what most users of a page would notice as wrong. */
const lagMsMaxUsual = 30_000;
/** A position that is so much older says nothing more about when the log was where. */
const samplesMax = 2000;
/** The primary is looked at, or heard of, twice a second. */
const sampleGapMs = 100;
/** After an agent's start a standby has so long to reach where the primary was then. */
const graceMs = 2000;
/** Without a word of the primary for so long, what it has written since is not known. */
const silentMs = 3000;
/** Back below half of the limits for so long; twice as long for each time that it has left lately, up to the last. */
const calmMs = { first: 5000, last: 300_000 } as const;
const forgottenMs = 600_000;

interface Sample {
  readonly at: number;
  readonly end: Lsn;
}

interface Story {
  readonly lag: ReadLag;
  /** below half of the limits since */
  readonly calmSince: number | undefined;
  readonly leftAt: number;
  /** times that it has left, each within a while of the one before */
  readonly left: number;
}

const newStory: Story = {
  lag: { lagBytes: 0, lagMs: 0, isBehind: false },
  calmSince: undefined,
  leftAt: -Infinity,
  left: 0,
};

export function lagMsMaxOf({ reads }: Pick<ClusterSpec, "reads">): number {
  return reads?.lagMsMax ?? lagMsMaxUsual;
}

export class Freshness {
  /** where the primary's log ended, by when that was known here; both rise */
  #samples: Sample[] = [];
  #since: number | undefined;
  #heardAt = -Infinity;
  readonly #stories = new Map<MemberId, Story>();

  /** @param at when the primary was looked at, or heard of, by this host's clock */
  primaryAt(end: Lsn, at: number): void {
    this.#since ??= at;
    this.#heardAt = Math.max(this.#heardAt, at);
    // A new primary's log may end before the old one's did: what is beyond it is gone.
    while ((this.#samples.at(-1)?.end ?? 0n) > end) this.#samples.pop();
    const last = this.#samples.at(-1);
    if (last && (last.end === end || at - last.at < sampleGapMs)) return;
    this.#samples.push({ at, end });
    if (this.#samples.length > samplesMax) this.#samples = this.#samples.filter((_, index) => index % 2 === 0);
  }

  of(member: MemberId): ReadLag | undefined {
    return this.#stories.get(member)?.lag;
  }

  forget(member: MemberId): void {
    this.#stories.delete(member);
  }

  /** @param isDirect it streams from the primary itself: what the stream has brought is a word of the primary, too */
  look(member: MemberId, server: RunningServer, limits: LagLimits, now: number, isDirect: boolean): ReadLag {
    const end = laterLsn(this.#samples.at(-1)?.end ?? server.flushed, server.flushed);
    const lagBytes = bytesBetween(server.replayed, end);
    const lagMs = this.#lagMs(server.replayed, now, isDirect);
    const story = next(this.#stories.get(member) ?? newStory, { lagBytes, lagMs }, limits, now);
    this.#stories.set(member, story);
    return story.lag;
  }

  #lagMs(replayed: Lsn, now: number, isDirect: boolean): number | null {
    const [first] = this.#samples;
    const wordMs = isDirect || now - this.#heardAt < silentMs ? 0 : now - this.#heardAt;
    if (!first) return isDirect ? 0 : null;
    // It was there already when this host began to look, nobody knows since when.
    if (replayed < first.end) return now - (this.#since ?? now) < graceMs ? 0 : null;
    const beyond = this.#samples.find(({ end }) => end > replayed);
    return Math.max(wordMs, beyond ? now - beyond.at : 0);
  }
}

function next(story: Story, seen: Pick<ReadLag, "lagBytes" | "lagMs">, limits: LagLimits, now: number): Story {
  const share = Math.max(
    seen.lagBytes / Math.max(1, limits.readLagBytesMax),
    (seen.lagMs ?? Infinity) / lagMsMaxOf(limits),
  );
  const wasBehind = story.lag.isBehind;
  const calmSince = share <= 0.5 ? (story.calmSince ?? now) : undefined;
  if (!wasBehind && share > 1) {
    const left = now - story.leftAt < forgottenMs ? story.left + 1 : 1;
    return { lag: { ...seen, isBehind: true }, calmSince, leftAt: now, left };
  }
  const waitMs = Math.min(calmMs.last, calmMs.first * 2 ** (story.left - 1));
  const isBehind = wasBehind && (calmSince === undefined || now - calmSince < waitMs);
  return { ...story, lag: { ...seen, isBehind }, calmSince };
}
