/**
 * How long hooks may take, as people write it: `before-promote=3s,after-promote=2min` in a variable or flag, an object of the
 * same in agent.json. Part of the agent's options.
 */
import { z } from "zod";
import { hookLimitRange, hookMeant, hookNames, isHookName, type HookLimits } from "../domain/hook.ts";

export const hookLimitsSchema = z
  .union([z.string().transform(pairs), z.record(z.string(), z.string())])
  .transform((given, context): HookLimits => {
    const limits = Object.entries(given).map(([name, text]) => ({ name, ...limitOf(name, text) }));
    for (const { problem } of limits) if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
    return Object.fromEntries(limits.map(({ name, ms }) => [name, ms]));
  });

function pairs(text: string): Record<string, string> {
  const parts = text.split(",").filter((part) => part.trim() !== "");
  return Object.fromEntries(
    parts.map((part) => {
      const [name = "", ...rest] = part.split("=");
      return [name.trim(), rest.join("=").trim()];
    }),
  );
}

function limitOf(name: string, text: string): { readonly ms?: number; readonly problem?: string } {
  if (!isHookName(name)) {
    const meant = hookMeant(name);
    const known = meant === undefined ? `There are ${hookNames.join(", ")}.` : `Did you mean "${meant}"?`;
    return { problem: `"${name}" is the name of no hook. ${known}` };
  }
  const ms = millisecondsOf(text);
  if (ms === undefined) return { problem: `${name}: "${text}" is no length of time, such as 5s or 500ms` };
  const { minMs, maxMs } = hookLimitRange(name);
  if (ms >= minMs && ms <= maxMs) return { ms };
  return { problem: `${name} may have ${minMs / 1000} s to ${maxMs / 1000} s, not ${ms / 1000} s` };
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000 };

function millisecondsOf(text: string): number | undefined {
  const [, amount, unit = ""] = /^(\d{1,6}(?:\.\d{1,3})?)(ms|s|min|m)$/.exec(text) ?? [];
  return amount === undefined ? undefined : Math.round(Number(amount) * (unitMs[unit] ?? 0));
}
