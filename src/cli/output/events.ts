/** Events as a timeline that a person can read: when, who, what, how long, why. */
import { formatDuration } from "../../contract/units.ts";
import type { ClusterEvent } from "../../contract/cluster.ts";
import type { Paint, Tone } from "./paint.ts";

const tones: Readonly<Record<ClusterEvent["level"], Tone>> = { info: "plain", warning: "warn", error: "bad" };

export function renderEvents(events: readonly ClusterEvent[], paint: Paint): string {
  if (events.length === 0) return "No events that match.";
  return events.map((event) => renderEvent(event, paint)).join("\n");
}

export function renderEvent(event: ClusterEvent, paint: Paint): string {
  const took = tookOf(event);
  const actor = event.actor === "matriarch" ? "" : paint("dim", `  by ${event.actor}`);
  const who = (event.member ?? (event.cluster || event.host || "matriarch")).padEnd(10);
  const line = `${paint("dim", localTime(event.at))}  ${who}  ${paint(tones[event.level], event.message)}${paint("dim", took)}${actor}`;
  return event.cause === null ? line : `${line}\n${" ".repeat(25)}${paint("dim", `because ${event.cause}`)}`;
}

/** Not where the message has said it. */
function tookOf({ duration_ms: ms, message }: ClusterEvent): string {
  if (ms === null || message.includes(`${Math.round(ms)} ms`)) return "";
  const took = formatDuration(ms);
  return message.includes(took) ? "" : `  (${took})`;
}

/** Local wall clock with milliseconds: failovers are over within one second. */
export function localTime(iso: string): string {
  const at = new Date(iso);
  const two = (value: number, width = 2) => String(value).padStart(width, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${two(at.getMilliseconds(), 3)}`;
}
