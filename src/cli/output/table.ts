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
  /** left out, the rightmost first, where the terminal has no room for all; `--json` has it */
  readonly isSpare?: true;
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
  const spare = columns.findLastIndex(({ isSpare }) => isSpare === true);
  if (terminal !== undefined && spare >= 0 && sum(widths) + 2 * (columns.length - 1) > terminal)
    return renderTable(columns.toSpliced(spare, 1), rows, paint, terminal);
  const row = (line: readonly Cell[]): string => renderLine(line, columns, widths, paint);
  const headings = columns.map((column) => ({ text: column.heading, tone: "dim" as const }));
  const before = sum(widths.slice(0, -1)) + 2 * (columns.length - 1);
  const lines = [headings, ...cells];
  if (terminal === undefined || before + (widths.at(-1) ?? 0) <= terminal) return lines.map(row).join("\n");
  return lines.flatMap((line) => foldLast(line, { row, paint, terminal, room: terminal - before })).join("\n");
}

interface Page {
  readonly row: (line: readonly Cell[]) => string;
  readonly paint: Paint;
  readonly terminal: number;
  /** for the last column, beside the others */
  readonly room: number;
}

/** In a narrower column sentences are hard to read: they stand below their line instead, over the whole width. */
const roomMin = 20;
const below = "    ";

function foldLast(line: readonly Cell[], { row, paint, terminal, room }: Page): readonly string[] {
  const last = line.at(-1);
  if (last === undefined || last.text.length <= room) return [row(line)];
  const others = line.slice(0, -1);
  if (room < roomMin) {
    const lines = foldText(last.text, Math.max(roomMin, terminal - below.length)).split("\n");
    return [row([...others, { text: "" }]), ...lines.map((text) => paint(last.tone ?? "plain", below + text))];
  }
  const [first = "", ...more] = foldText(last.text, room).split("\n");
  const empty = others.map(() => ({ text: "" }));
  return [row([...others, { ...last, text: first }]), ...more.map((text) => row([...empty, { ...last, text }]))];
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
