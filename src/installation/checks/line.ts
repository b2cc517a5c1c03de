/** One check of one thing: a verdict with what was found and what to do, within its time whatever hangs. */
import type { CheckLine } from "../../contract/monitoring.ts";
import { OpError } from "../../errors/op-error.ts";

export interface Found {
  readonly ok: boolean;
  readonly message: string;
  /** of one that fails */
  readonly hint?: string;
}

export interface Check extends Pick<CheckLine, "group" | "member" | "host" | "check"> {
  readonly look: () => Promise<Found>;
}

/** Less than the five seconds that a suite has: its answer has to get out as well. */
const withinMs = 4000;

export async function runCheck({ group, member, host, check, look }: Check): Promise<CheckLine> {
  const begun = performance.now();
  const { ok, message, hint } = await within(look, check);
  return { group, member, host, check, ok, message, hint: ok ? null : (hint ?? null), took_ms: tenths(begun) };
}

function tenths(begun: number): number {
  return Math.round((performance.now() - begun) * 10) / 10;
}

async function within(look: () => Promise<Found>, check: string): Promise<Found> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Found>((resolve) => {
    timer = setTimeout(resolve, withinMs, {
      ok: false,
      message: `no answer within ${withinMs / 1000} s`,
      hint: `What "${check}" looks at hangs: a server, or a disk. See the host's own log, and: matriarch status`,
    });
  });
  try {
    return await Promise.race([look().catch(failed), late]);
  } finally {
    clearTimeout(timer);
  }
}

function failed(error: unknown): Found {
  const hint = (error instanceof OpError ? error.hint : undefined) ?? "See what its server does with: matriarch logs";
  return { ok: false, message: error instanceof Error ? error.message : String(error), hint };
}
