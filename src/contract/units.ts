/**
 * Lengths of time and amounts of bytes as people write and read them: `90s`, `1h30m`, `512MB`; `212 ms`, `35 MB`.
 * Pure; milliseconds and bytes inside, units of 1024 as in Postgres.
 */

const durationText = /^(?:\d+(?:\.\d+)?(?:ms|s|min|m|h|d))+$/;
const durationPart = /(\d+(?:\.\d+)?)(ms|min|s|m|h|d)/g;
const unitMs = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["min", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** @returns milliseconds, or undefined when the text is no duration; a number without a unit is none */
export function parseDuration(text: string): number | undefined {
  if (!durationText.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(durationPart)) total += Number(amount) * (unitMs.get(unit ?? "") ?? 0);
  return total;
}

/** Two units at most: what a person needs, not what the clock gave. */
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

const sizeText = /^(\d+(?:\.\d+)?)\s*(b|k|kb|m|mb|g|gb|t|tb)$/i;
const sizeUnits = ["B", "kB", "MB", "GB", "TB"];

/** @returns bytes, or undefined when the text is no size; a number without a unit is none */
export function parseSize(text: string): number | undefined {
  const parts = sizeText.exec(text.trim());
  if (parts?.[1] === undefined || parts[2] === undefined) return undefined;
  return Math.round(Number(parts[1]) * 1024 ** "bkmgt".indexOf(parts[2].charAt(0).toLowerCase()));
}

export function formatSize(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < sizeUnits.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${amount < 10 && unit > 0 ? amount.toFixed(1) : Math.round(amount)} ${sizeUnits[unit]}`;
}
