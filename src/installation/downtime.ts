/**
 * The ledger of pauses of one cluster: what the events say of interruptions of writes, and those that last. Called for
 * `events --downtime` and by who wants to know how long a pause usually is. The arithmetic is pure.
 */
import { pauseReasons, type Downtime, type Pause } from "../contract/downtime.ts";
import type { EventRecord } from "../events/event.ts";
import { markName } from "../events/pause-marks.ts";
import { clusterOf, type Parts } from "./parts.ts";

/** As long as events are kept. */
const keptMs = 90 * 86_400_000;
const pausesMax = 10_000;

export function downtimeOf(parts: Parts, name: string, since: string | undefined): Downtime {
  const { createdAt } = clusterOf(parts, name).record.spec.value;
  const until = parts.clock.wallNow();
  const from = Math.max(since === undefined ? 0 : Date.parse(since), createdAt, until - keptMs);
  return sumUp(name, pausesOf(parts, name), { from: Math.min(from, until), until });
}

/** Oldest first, those of a cluster of the same name before it left out. */
export function pausesOf(parts: Parts, name: string): readonly Pause[] {
  const { spec } = clusterOf(parts, name).record;
  const told = parts.events.list({ cluster: name, type: "writes.paused", limit: pausesMax });
  const now = parts.clock.wallNow();
  const lasting = parts.pauses.open(markName(spec.value)).map(({ since, why, by }) => {
    return pause({ from: since, to: null, ms: Math.max(0, now - since), why, by, member: null });
  });
  return [...told.flatMap(fromEvent), ...lasting].filter(({ from }) => Date.parse(from) >= spec.value.createdAt);
}

function fromEvent({ details, actor, member }: EventRecord): readonly Pause[] {
  const { since, ms, why } = details;
  if (typeof since !== "string" || typeof ms !== "number") return [];
  const from = Date.parse(since);
  return [pause({ from, to: from + ms, ms, why: String(why), by: actor, member })];
}

interface Known {
  readonly from: number;
  readonly to: number | null;
  readonly ms: number;
  readonly why: string;
  readonly by: string;
  readonly member: string | null;
}

function pause({ from, to, ms, why, by, member }: Known): Pause {
  return {
    from: new Date(from).toISOString(),
    to: to === null ? null : new Date(to).toISOString(),
    ms: Math.round(ms),
    why: pauseReasons.find((reason) => reason === why) ?? "unknown",
    by: by === "" ? "matriarch" : by,
    member,
  };
}

interface Span {
  readonly from: number;
  readonly until: number;
}

/** @param window what lies outside of it counts not, and what begins before it from there on */
export function sumUp(cluster: string, all: readonly Pause[], window: Span): Downtime {
  const pauses = all
    .filter(({ from, to }) => Date.parse(from) < window.until && (to === null || Date.parse(to) > window.from))
    .toSorted((a, b) => Date.parse(a.from) - Date.parse(b.from));
  const stopped = union(pauses.filter(({ why }) => why === "stop").map((one) => within(one, window)));
  const down = union(pauses.filter(({ why }) => why !== "stop").map((one) => within(one, window)));
  const stoppedMs = lengthOf(stopped);
  const pausedMs = lengthOf(union([...stopped, ...down])) - stoppedMs;
  const wantedMs = window.until - window.from - stoppedMs;
  return {
    cluster,
    since: new Date(window.from).toISOString(),
    until: new Date(window.until).toISOString(),
    pauses,
    paused_ms: pausedMs,
    longest_ms: Math.max(0, ...pauses.filter(({ why }) => why !== "stop").map(({ ms }) => ms)),
    stopped_ms: stoppedMs,
    availability_percent: wantedMs <= 0 ? null : (100 * (wantedMs - pausedMs)) / wantedMs,
  };
}

function within({ from, ms }: Pause, window: Span): Span {
  const begin = Date.parse(from);
  return { from: Math.max(begin, window.from), until: Math.min(begin + ms, window.until) };
}

/** Two can lie over each other: commits waited for standbys, and then the primary was lost. */
function union(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && span.from <= last.until)
      merged[merged.length - 1] = { from: last.from, until: Math.max(last.until, span.until) };
    else merged.push(span);
  }
  return merged;
}

function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { from, until }) => sum + (until - from), 0);
}
