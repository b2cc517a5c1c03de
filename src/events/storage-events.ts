/** Events about where members' data lies: volumes. See catalog.ts. */
import { define } from "./kind.ts";

export const storageEvents = {
  "volume.extended": define<{ from_bytes: number | null; size_bytes: number }>(
    "info",
    "The volumes of the members were given a larger size, or a size for the first time.",
    (e) =>
      `volumes ${e.from_bytes === null ? "given" : `extended from ${size(e.from_bytes)} to`} ${size(e.size_bytes)}`,
  ),
} as const;

function size(bytes: number): string {
  const [amount, unit] = bytes < 2 ** 30 ? [bytes / 2 ** 20, "MB"] : [bytes / 2 ** 30, "GB"];
  return `${Number(amount.toFixed(1))} ${unit}`;
}
