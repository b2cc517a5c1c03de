/** Amounts of bytes as people write and read them, in Postgres' units of 1024: `512MB`, `2GB`; `35 MB`. Pure. */

const units = ["B", "kB", "MB", "GB", "TB"] as const;
const sizeText = /^(\d+(?:\.\d+)?)\s*(b|k|kb|m|mb|g|gb|t|tb)$/i;

/** @returns bytes, or undefined when the text is no size; a number without a unit is none */
export function parseSize(text: string): number | undefined {
  const parts = sizeText.exec(text.trim());
  if (parts?.[1] === undefined || parts[2] === undefined) return undefined;
  const power = "bkmgt".indexOf(parts[2].charAt(0).toLowerCase());
  return Math.round(Number(parts[1]) * 1024 ** power);
}

/** As `pg_size_pretty` writes it: whole units, and the next one only from ten of it. */
export function formatSize(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 10 * 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${Math.round(amount)} ${units[unit]}`;
}
