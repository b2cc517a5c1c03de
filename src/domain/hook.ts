/** The moments at which a user's own programs may run, and how long each may take. Pure. */
export const turns = ["start", "promote", "demote", "stop"] as const;
export type Turn = (typeof turns)[number];
export type HookName = `before-${Turn}` | `after-${Turn}`;

export const hookNames: readonly HookName[] = turns.flatMap((turn) => [`before-${turn}`, `after-${turn}`] as const);

export type HookLimits = Readonly<Partial<Record<HookName, number>>>;

/**
 * Where nobody set one: everybody's writes wait for a primary's turns, all hooks of one together; a standby's keep
 * nobody waiting.
 */
export const usualHookLimitsMs = { primary: 1000, other: 10_000 };
const limitMsMin = 100;
/** A switchover that waits longer for a hook than clients do for a connection helps nobody. */
const beforeMsMax = 10_000;
const afterMsMax = 600_000;

/** Of a limit that somebody sets. */
export function hookLimitRange(name: HookName): { readonly minMs: number; readonly maxMs: number } {
  return { minMs: limitMsMin, maxMs: name.startsWith("before-") ? beforeMsMax : afterMsMax };
}

export function isHookName(name: string): name is HookName {
  return hookNames.some((known) => known === name);
}

/** What somebody meant who wrote this, `after_promot`; undefined when it is like none. */
export function hookMeant(name: string): HookName | undefined {
  const written = name
    .toLowerCase()
    .replace(/\.(sh|bash|py|pl|js)$/, "")
    .replaceAll(/[^a-z]/g, "");
  const rated = hookNames.map((known) => ({ known, far: distance(written, known.replace("-", "")) }));
  const [best] = rated.toSorted((a, b) => a.far - b.far);
  return best !== undefined && best.far <= 3 ? best.known : undefined;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [row, letter] of a.split("").entries()) {
    const now = [row + 1];
    for (const [at, other] of b.split("").entries())
      now.push(Math.min((above[at + 1] ?? 0) + 1, (now[at] ?? 0) + 1, (above[at] ?? 0) + (letter === other ? 0 : 1)));
    above = now;
  }
  return above.at(-1) ?? 0;
}
