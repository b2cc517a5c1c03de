/** Tells of the processes beside the agent that had to be started again, or cannot be. Called while the agent is put together. */
import type { Restarts } from "../drivers/process/port.ts";
import type { EventLog } from "../events/event-log.ts";

/** Before the process is started for the first time. */
export function tellRestarts(events: EventLog, name: "guard" | "relay" | "router", kept: Restarts): void {
  kept.onRestart(({ newPid, reason, tookMs }) =>
    events.emit(`${name}.restarted`, { durationMs: Math.round(tookMs) }, { pid: newPid, reason }),
  );
  kept.onFailure((error) => events.emit(`${name}.failed`, {}, { reason: reasonOf(error) }));
}

/** With what caused it and where more is said. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hint = "hint" in error && typeof error.hint === "string" ? ` (${error.hint})` : "";
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}${hint}`;
}
