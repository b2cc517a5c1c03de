/** How an operation ended, in a line, with its figures. */
import { formatDuration, formatSize } from "../../contract/units.ts";
import type { Operation } from "../../contract/cluster.ts";
import type { Paint } from "./paint.ts";

export function renderOperation(operation: Operation, paint: Paint): string {
  const took = operation.ended_at === null ? "" : ` in ${formatDuration(tookMs(operation))}`;
  const state = operation.state === "done" ? paint("good", "done") : operation.state;
  const { message } = operation.result ?? {};
  const what = typeof message === "string" ? `: ${message}` : "";
  return [`${operation.kind} of "${operation.cluster}" ${state}${took}${what}`, ...figureLines(operation)].join("\n");
}

export function figureLines({ result }: Operation): readonly string[] {
  const { message: _, ...rest } = result ?? {};
  return Object.entries(rest).map(([name, value]) => `  ${describeFigure(name, value)}`);
}

function tookMs(operation: Operation): number {
  return Math.max(0, Date.parse(operation.ended_at ?? operation.started_at) - Date.parse(operation.started_at));
}

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/;

/** Names of figures end in their unit, so one rule renders them all. */
function describeFigure(name: string, value: unknown): string {
  if (value === null) return `${name.replace(/_(?:ms|bytes)$/, "").replaceAll("_", " ")}: none`;
  const label = (unit: string) => name.slice(0, name.length - unit.length).replaceAll("_", " ");
  if (typeof value === "number" && name.endsWith("_ms")) return `${label("_ms")}: ${formatDuration(value)}`;
  if (typeof value === "number" && name.endsWith("_bytes")) return `${label("_bytes")}: ${formatSize(value)}`;
  if (typeof value === "string" && instant.test(value)) return `${label("")}: ${value.slice(0, 19).replace("T", " ")}Z`;
  return `${label("")}: ${typeof value === "string" ? value : JSON.stringify(value)}`;
}
