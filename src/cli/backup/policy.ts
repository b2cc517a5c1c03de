/** The options that say when backups are taken and how long they are kept. Shared by `backup enable` and `backup set`. */
import type { PolicyRequest } from "../../contract/backups.ts";
import { durationArgument } from "../command.ts";
import { OpError } from "../../errors/op-error.ts";

const hourMs = 3_600_000;

export interface PolicyOptions {
  readonly fullEvery?: number | undefined;
  readonly every?: number | undefined;
  readonly between?: "differential" | "incremental" | undefined;
  readonly keepDays?: number | undefined;
  readonly keepFulls?: number | undefined;
}

export function policyRequest({ fullEvery, every, between, keepDays, keepFulls }: PolicyOptions): PolicyRequest {
  return {
    ...(fullEvery === undefined ? {} : { full_every_days: fullEvery }),
    ...(every === undefined ? {} : { between_every_hours: every }),
    ...(between === undefined ? {} : { between }),
    ...(keepDays === undefined ? {} : { kept_days: keepDays }),
    ...(keepFulls === undefined ? {} : { kept_fulls: keepFulls }),
  };
}

/** `24h` or `1d`, in whole hours. */
export function hoursArgument(text: string): number {
  return whole(text, hourMs, "hours");
}

/** `7d`, in whole days. */
export function daysArgument(text: string): number {
  return whole(text, 24 * hourMs, "days");
}

function whole(text: string, unitMs: number, unit: string): number {
  const count = durationArgument(text) / unitMs;
  if (Number.isInteger(count) && count > 0) return count;
  throw new OpError("usage", { message: `"${text}" is no number of whole ${unit}` });
}
