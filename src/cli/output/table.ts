/** Aligned columns under upper-case headings, two spaces apart; numbers to the right. */
import { foldText } from "./help.ts";
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

/** @param terminal its columns: the last column is folded to fit, where it is sentences; undefined: nothing is */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  paint: Paint,
  terminal?: number,
): string {
  const cells = rows.map((row) => columns.map((column) => toCell(column.cell(row))));
  const widths = columns.map((column, at) =>
    Math.max(column.heading.length, ...cells.map((line) => line[at]?.text.length ?? 0)),
  );
  const room = terminal === undefined ? undefined : terminal - sum(widths.slice(0, -1)) - 2 * (columns.length - 1);
  const headings = columns.map((column) => ({ text: column.heading, tone: "dim" as const }));
  return [headings, ...cells]
    .flatMap((line) => folded(line, room))
    .map((line) => renderLine(line, columns, widths, paint))
    .join("\n");
}

/** Narrower than this a column of sentences is worse than lines that the terminal breaks. */
const roomMin = 20;

/** The last cell's further lines stand below its first, and nothing beside them. */
function folded(line: readonly Cell[], room: number | undefined): readonly (readonly Cell[])[] {
  const last = line.at(-1);
  if (last === undefined || room === undefined || room < roomMin) return [line];
  const [first = "", ...more] = foldText(last.text, room).split("\n");
  const before = line.slice(0, -1);
  const empty = before.map(() => ({ text: "" }));
  return [[...before, { ...last, text: first }], ...more.map((text) => [...empty, { ...last, text }])];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
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
