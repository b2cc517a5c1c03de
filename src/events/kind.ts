/**
 * What a kind of event is made of, and the words that sentences share. Called by the catalog's two halves.
 *
 * Levels follow the outcome: error, it did not happen or service was lost; warning, it did with doubt; info, normal.
 */
import type { EventLevel } from "./event.ts";

export interface EventKind<F> {
  readonly level: EventLevel;
  /** for docs/events.md: when it happens, and what the reader should do about it, if anything */
  readonly meaning: string;
  readonly message: (fields: F & Subject) => string;
}

/** Who the event is about; "" when it is about nobody in particular. */
export interface Subject {
  readonly cluster: string;
  readonly member: string;
}

/** A field is a plain value: there is no way to pass an object along, and none is meant for a secret. */
type EventField = string | number | boolean | null | readonly string[];

export function define<F extends Readonly<Record<string, EventField>> = NoFields>(
  level: EventLevel,
  meaning: string,
  message: EventKind<F>["message"],
): EventKind<F> {
  return { level, meaning, message };
}

export type NoFields = Readonly<Record<string, never>>;

export function list(names: readonly string[]): string {
  return names.length === 0 ? "nobody" : names.map((name) => `"${name}"`).join(", ");
}

export function waitsFor(acks: number, voters: readonly string[]): string {
  if (voters.length === 0) return "no standby";
  return acks === voters.length ? list(voters) : `${acks} of ${list(voters)}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MB`;
}

export function count(amount: number, one: string, several: string): string {
  return `${amount} ${amount === 1 ? one : several}`;
}

export function paused(ms: number | null): string {
  return ms === null ? "" : `; writes paused for ${Math.round(ms)} ms`;
}

const pauseReasons: Readonly<Record<string, string>> = {
  switchover: "switchover",
  failover: "failover",
  restart: "restart",
  upgrade: "upgrade",
  config: "change of settings",
  crash: "the primary ended and was started again",
  stop: "stopped as asked",
  voters: "commits waited for standbys",
};

export function pauseReason(why: string): string {
  return pauseReasons[why] ?? "cause not known";
}

/** As people ask for it: `90 s`, `45 min`, `2 h`. */
export function lasted(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
