/** Results and errors as psql shows them: aligned columns, `(2 rows)`, LINE with a caret. Pure. */
import type { ResultSet } from "./session.ts";

export function renderResult(result: ResultSet): string {
  return result.columns.length === 0 ? result.tag : renderRows(result);
}

/** A value of several lines is shown on as many, each but the last marked with `+`, as psql does. */
function renderRows({ columns, rows }: ResultSet): string {
  const cells = rows.map((row) => row.map((value) => (value ?? "").split("\n")));
  const widths = columns.map((column, at) =>
    Math.max(widthOf(column.name), ...cells.map((row) => Math.max(...(row[at] ?? [""]).map(widthOf)))),
  );
  const heading = columns.map(({ name }, at) => center(name, widths[at] ?? 0)).join("|");
  const rule = widths.map((width) => "-".repeat(width + 2)).join("+");
  const body = cells.flatMap((row) => renderRow(row, columns, widths));
  return [heading, rule, ...body, rows.length === 1 ? "(1 row)" : `(${rows.length} rows)`, ""].join("\n");
}

function renderRow(
  row: readonly (readonly string[])[],
  columns: ResultSet["columns"],
  widths: readonly number[],
): string[] {
  const height = Math.max(...row.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    row
      .map((lines, at) => {
        const text = lines[line] ?? "";
        const gap = " ".repeat((widths[at] ?? 0) - widthOf(text));
        const mark = line < lines.length - 1 ? "+" : " ";
        return columns[at]?.isNumber ? ` ${gap}${text}${mark}` : ` ${text}${gap}${mark}`;
      })
      .join("|")
      .trimEnd(),
  );
}

function center(text: string, width: number): string {
  const gap = width - widthOf(text);
  const left = Math.floor(gap / 2);
  return ` ${" ".repeat(left)}${text}${" ".repeat(gap - left)} `;
}

function widthOf(text: string): number {
  return Array.from(text).length;
}

export function renderSqlError(error: unknown, sql: string): string {
  if (!(error instanceof Error)) return `ERROR:  ${String(error)}`;
  const field = (name: string): string | undefined => {
    const value: unknown = Reflect.get(error, name);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const lines = [`${field("severity") ?? "ERROR"}:  ${error.message}`];
  const position = Number(field("position") ?? 0);
  if (position > 0) lines.push(...caret(sql, position));
  for (const name of ["detail", "hint"] as const) {
    const text = field(name);
    if (text !== undefined) lines.push(`${name.toUpperCase()}:  ${text}`);
  }
  const where = field("where");
  if (where !== undefined) lines.push(`CONTEXT:  ${where}`);
  return lines.join("\n");
}

/** `position` counts characters from one. */
function caret(sql: string, position: number): readonly string[] {
  const before = Array.from(sql)
    .slice(0, position - 1)
    .join("")
    .split("\n");
  const number = before.length;
  const line = sql.split("\n")[number - 1] ?? "";
  const label = `LINE ${number}: `;
  return [`${label}${line}`, `${" ".repeat(label.length + widthOf(before.at(-1) ?? ""))}^`];
}
