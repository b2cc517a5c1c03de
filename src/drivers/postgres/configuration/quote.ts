/**
 * Quoting for the two languages that a server's configuration speaks: its files, and libpq's connection strings inside
 * them. Pure. Values of any content come through unchanged, except NUL, which neither can carry.
 */
import { OpError } from "../../../errors/op-error.ts";

/** Source: STRING in guc-file.l, and DeescapeQuotedString(). */
export function quoteSetting(value: string): string {
  const escaped = refuseNul(value)
    .replaceAll("\\", "\\\\")
    .replaceAll("'", "''")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r");
  return `'${escaped}'`;
}

/** A libpq connection string, every value quoted. Source: conninfo_parse() in fe-connect.c. */
export function formatConninfo(parameters: Readonly<Record<string, string | number>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => {
      const escaped = refuseNul(String(value)).replaceAll("\\", "\\\\").replaceAll("'", "\\'");
      return `${name}='${escaped}'`;
    })
    .join(" ");
}

function refuseNul(value: string): string {
  if (!value.includes("\0")) return value;
  throw new OpError("bad-value", { message: "a value of a setting contains a zero byte" });
}
