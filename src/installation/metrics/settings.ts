/** `pg_settings_*` as postgres_exporter has them: bytes and seconds instead of 8kB and ms. Called by postgres.ts. Pure. */
import type { FigureRow } from "../../drivers/postgres/figures/ask.ts";
import type { Exposition, Labels } from "./exposition.ts";

/** By Postgres' units: what they are exported in, and by how much they are multiplied. */
const units: Readonly<Record<string, readonly [ending: string, factor: number]>> = {
  "B": ["_bytes", 1],
  "kB": ["_bytes", 1024],
  "8kB": ["_bytes", 8192],
  "16kB": ["_bytes", 16_384],
  "32kB": ["_bytes", 32_768],
  "MB": ["_bytes", 1024 ** 2],
  "16MB": ["_bytes", 16 * 1024 ** 2],
  "GB": ["_bytes", 1024 ** 3],
  "ms": ["_seconds", 0.001],
  "s": ["_seconds", 1],
  "min": ["_seconds", 60],
};

export function reportSettings(to: Exposition, rows: readonly FigureRow[], own: Labels): void {
  for (const { name, setting, unit, vartype } of rows) {
    const value = vartype === "bool" ? Number(setting === "on") : Number(setting);
    const [ending, factor] = units[String(unit)] ?? ["", 1];
    // -1 and 0 mean "none" or "as another setting": they have no unit.
    to.gauge(`pg_settings_${String(name)}${ending}`, "Server setting", value > 0 ? value * factor : value, own);
  }
}
