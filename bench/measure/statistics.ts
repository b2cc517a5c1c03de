/** Median, least and most of what was measured, and how they are printed. Used by every bench. */

export interface Summary {
  readonly n: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @param values at least one */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? NaN;
  const lower = sorted[Math.ceil(middle) - 1] ?? NaN;
  return { n: sorted.length, median: (lower + upper) / 2, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN };
}

/** `0.187 s (0.112 to 0.240), n=20` as cells of a table */
export function secondsCells(valuesMs: readonly number[]): readonly string[] {
  if (valuesMs.length === 0) return ["-", "-", "-", "0"];
  const { n, median, min, max } = summarize(valuesMs);
  return [median, min, max].map((ms) => `${(ms / 1000).toFixed(3)} s`).concat(String(n));
}

/** A table in Markdown; the first row is its head. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  return [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
