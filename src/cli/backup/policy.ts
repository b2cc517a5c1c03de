/** The options that say when backups are taken and how long they are kept. Shared by `backup enable` and `backup set`. */
import { Option } from "@commander-js/extra-typings";

import type { PolicyRequest } from "../../contract/backups.ts";
import { countArgument, durationArgument } from "../command.ts";
import { OpError } from "../../errors/op-error.ts";

const hourMs = 3_600_000;

export interface PolicyOptions {
  readonly fullEvery?: number | undefined;
  readonly every?: number | undefined;
  readonly between?: "differential" | "incremental" | undefined;
  readonly keepDays?: number | undefined;
  readonly keepFulls?: number | undefined;
}

export const fullEvery = () =>
  new Option("--full-every <days>", "a full backup every so often, 1d to 90d (default: 7d)").argParser(daysArgument);
export const every = () =>
  new Option("--every <hours>", "a smaller one in between, 1h to 7d (default: 24h)").argParser(hoursArgument);
export const between = () =>
  new Option("--between <kind>", "what the smaller ones hold (default: incremental)").choices([
    "differential",
    "incremental",
  ] as const);
export const keepDays = () =>
  new Option("--keep-days <days>", "any moment of so many days can be restored (default: 14)").argParser(
    countArgument(1, 3660),
  );
export const keepFulls = () =>
  new Option("--keep-fulls <count>", "and so many full ones are there at least (default: 2)").argParser(
    countArgument(1, 1000),
  );

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
function hoursArgument(text: string): number {
  return whole(text, hourMs, "hours");
}

/** `7d`, in whole days. */
function daysArgument(text: string): number {
  return whole(text, 24 * hourMs, "days");
}

function whole(text: string, unitMs: number, unit: string): number {
  const count = durationArgument(text) / unitMs;
  if (Number.isInteger(count) && count > 0) return count;
  throw new OpError("usage", { message: `"${text}" is no number of whole ${unit}` });
}
