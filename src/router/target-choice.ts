/** Which of an endpoint's targets a session may have, and may keep. Pure; called by endpoint.ts. */
import type { SessionOptions } from "./session-options.ts";
import type { Route, Target } from "./wire.ts";

/** Those that hold the session's own limit; where none does, the primary. None: it waits. */
export function targetsFor(route: Route, { maxLagMs }: SessionOptions): readonly Target[] {
  if (maxLagMs === undefined || route.kind === "primary") return route.targets;
  const fit = route.targets.filter((target) => isWithin(target, maxLagMs));
  return fit.length > 0 ? fit : (route.fallback ?? []);
}

/** Whoever has come to the primary stays there: nothing is newer. */
export function mayKeep(route: Route, target: Target, { maxLagMs }: SessionOptions): boolean {
  const same = (other: Target): boolean => sameTarget(other, target);
  if (route.keep?.some(same)) return true;
  return route.targets.some(
    (other) => same(other) && (maxLagMs === undefined || route.kind === "primary" || isWithin(other, maxLagMs)),
  );
}

/** Of the nearest the one with the fewest sessions. */
export function nearestOf(targets: readonly Target[], sessionsOf: (target: Target) => number): Target | undefined {
  if (targets.length <= 1) return targets[0];
  const nearest = Math.min(...targets.map(distanceOf));
  return targets
    .filter((target) => distanceOf(target) === nearest)
    .reduce((best, target) => (sessionsOf(target) < sessionsOf(best) ? target : best));
}

function isWithin({ lagMs }: Target, maxLagMs: number): boolean {
  return lagMs !== undefined && lagMs <= maxLagMs;
}

function distanceOf({ distance = 0 }: Target): number {
  return distance;
}

function sameTarget(a: Target, b: Target): boolean {
  return a.member === b.member && a.host === b.host && a.port === b.port && sameRelay(a.relay, b.relay);
}

function sameRelay(a: Target["relay"], b: Target["relay"]): boolean {
  return a?.host === b?.host && a?.address === b?.address && a?.port === b?.port;
}
