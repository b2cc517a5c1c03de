/** Aligned columns under upper-case headings, two spaces apart; numbers to the right. */
import type { Paint, Tone } from "./paint.ts";

export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

export interface Column<Row> {
  readonly heading: string;
  readonly align?: "right";
  readonly cell: (row: Row) => Cell | string;
}

export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], paint: Paint): string {
  const cells = rows.map((row) => columns.map((column) => toCell(column.cell(row))));
  const widths = columns.map((column, at) =>
    Math.max(column.heading.length, ...cells.map((line) => line[at]?.text.length ?? 0)),
  );
  const headings = columns.map((column) => ({ text: column.heading, tone: "dim" as const }));
  return [headings, ...cells].map((line) => renderLine(line, columns, widths, paint)).join("\n");
}

function renderLine<Row>(
  line: readonly Cell[],
  columns: readonly Column<Row>[],
  widths: readonly number[],
  paint: Paint,
): string {
  return line
    .map(({ text, tone }, at) => {
      const gap = " ".repeat((widths[at] ?? 0) - text.length);
      const painted = paint(tone ?? "plain", text);
      if (columns[at]?.align === "right") return gap + painted;
      return at === line.length - 1 ? painted : painted + gap;
    })
    .join("  ")
    .trimEnd();
}

function toCell(value: Cell | string): Cell {
  const cell = typeof value === "string" ? { text: value } : value;
  // Names that somebody made in SQL may hold what a terminal would obey.
  return { ...cell, text: cell.text.replaceAll(/\p{Cc}/gu, "?") };
}
