/** Lengths of time as people write and read them: `90s`, `1h30m`; `212 ms`, `1.4 s`, `2 h 5 min`. Pure; milliseconds inside. */

const unitMs = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const durationText = /^(?:\d+(?:\.\d+)?(?:ms|s|min|m|h|d))+$/;
const durationPart = /(\d+(?:\.\d+)?)(ms|min|s|m|h|d)/g;

/** @returns milliseconds, or undefined when the text is no duration; a number without a unit is none */
export function parseDuration(text: string): number | undefined {
  if (!durationText.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(durationPart)) total += Number(amount) * factor(unit);
  return total;
}

function factor(unit: string | undefined): number {
  switch (unit) {
    case "ms":
      return unitMs.ms;
    case "s":
      return unitMs.s;
    case "m":
    case "min":
      return unitMs.m;
    case "h":
      return unitMs.h;
    default:
      return unitMs.d;
  }
}

/** Two significant units at most: what a person needs, not what the clock gave. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return twoUnits(Math.floor(seconds / 60), "min", seconds % 60, "s");
  if (seconds < 86_400) return twoUnits(Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "min");
  return twoUnits(Math.floor(seconds / 86_400), "d", Math.floor((seconds % 86_400) / 3600), "h");
}

function twoUnits(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}
