/** Gaps of several systems under several faults as an SVG: a row a fault, a line a system, every sample a dot. Pure. */
import { summarize } from "../measure/statistics.ts";

export interface PlotRow {
  readonly title: string;
  readonly series: readonly { readonly name: string; readonly valuesMs: readonly number[] }[];
}

const colors = ["#0b6e4f", "#59b38f", "#b3541e", "#e0a370", "#666666"];
const layout = { left: 270, width: 620, line: 16, gap: 16, top: 46 };
/** Seconds at the ends of the logarithmic axis. */
const axis = { from: 0.05, to: 100 };
const ticks = [0.1, 0.3, 1, 3, 10, 30, 100];

export function plotGaps(heading: string, rows: readonly PlotRow[]): string {
  const names = [...new Set(rows.flatMap(({ series }) => series.map(({ name }) => name)))];
  const rowHeight = names.length * layout.line + layout.gap;
  const bottom = layout.top + rows.length * rowHeight;
  const width = layout.left + layout.width + 90;
  const height = bottom + 30 + names.length * 18;
  const parts = [
    text(10, 22, heading, 'font-size="15" font-weight="600"'),
    ...ticks.flatMap((tick) => grid(tick, bottom)),
    ...rows.flatMap((row, index) => drawRow(row, layout.top + index * rowHeight, names)),
    ...names.flatMap((name, index) => legend(name, index, bottom + 34 + index * 18)),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function drawRow({ title, series }: PlotRow, top: number, names: readonly string[]): readonly string[] {
  const middle = top + (names.length * layout.line) / 2 + 4;
  return [
    text(layout.left - 10, middle, title, 'text-anchor="end"'),
    ...series.flatMap(({ name, valuesMs }) =>
      drawSeries(valuesMs, top + names.indexOf(name) * layout.line + 8, names.indexOf(name)),
    ),
  ];
}

function drawSeries(valuesMs: readonly number[], y: number, index: number): readonly string[] {
  if (valuesMs.length === 0) return [];
  const color = colors[index % colors.length] ?? "#000000";
  const { median, min, max } = summarize(valuesMs.map((ms) => ms / 1000));
  const x = position(median);
  return [
    `<line x1="${position(min)}" x2="${position(max)}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="2"/>`,
    ...valuesMs.map((ms) => `<circle cx="${position(ms / 1000)}" cy="${y}" r="2" fill="${color}" fill-opacity="0.5"/>`),
    `<rect x="${x - 2}" y="${y - 6}" width="4" height="12" fill="${color}"/>`,
    text(layout.left + layout.width + 8, y + 4, `${median.toFixed(median < 10 ? 2 : 1)} s`, `fill="${color}"`),
  ];
}

function grid(tick: number, bottom: number): readonly string[] {
  const x = position(tick);
  return [
    `<line x1="${x}" x2="${x}" y1="${layout.top - 6}" y2="${bottom}" stroke="#dddddd"/>`,
    text(x, bottom + 14, `${tick} s`, 'text-anchor="middle" fill="#555555"'),
  ];
}

function legend(name: string, index: number, y: number): readonly string[] {
  const color = colors[index % colors.length] ?? "#000000";
  return [
    `<rect x="${layout.left}" y="${y - 9}" width="12" height="10" fill="${color}"/>`,
    text(layout.left + 18, y, name, ""),
  ];
}

function position(seconds: number): number {
  const within = Math.min(Math.max(seconds, axis.from), axis.to);
  const share = Math.log(within / axis.from) / Math.log(axis.to / axis.from);
  return Math.round(layout.left + share * layout.width);
}

function text(x: number, y: number, content: string, attributes: string): string {
  const safe = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" ${attributes}>${safe}</text>`;
}
