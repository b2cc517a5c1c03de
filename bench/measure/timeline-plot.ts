/** Something that is counted in each second as an SVG: a line over time, with a band for each thing that was done. Pure. */

export interface Band {
  readonly title: string;
  /** seconds since the beginning */
  readonly from: number;
  readonly to: number;
}

const layout = { left: 60, top: 50, width: 860, height: 260, bottom: 40 };
const colors = ["#0b6e4f", "#b3541e", "#3b5b92", "#7a5195"];

/** @param values one for each second */
export function plotTimeline(heading: string, values: readonly number[], bands: readonly Band[]): string {
  const most = niceTop(Math.max(...values, 1));
  const x = (second: number): number => Math.round(layout.left + (second / values.length) * layout.width);
  const y = (value: number): number => Math.round(layout.top + (1 - value / most) * layout.height);
  const line = values.map((value, second) => `${x(second + 0.5)},${y(value)}`).join(" ");
  const [width, height] = [layout.left + layout.width + 20, layout.top + layout.height + layout.bottom];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(10, 20, heading, 'font-size="15" font-weight="600"'),
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((share) => level(share * most, y(share * most))),
    ...bands.flatMap((band, index) => drawBand(band, colors[index % colors.length] ?? "", x)),
    `<polyline points="${line}" fill="none" stroke="#222222" stroke-width="1.5"/>`,
    text(layout.left, height - 10, `${values.length} s`, 'fill="#555555"'),
    "</svg>\n",
  ].join("\n");
}

function drawBand({ title, from, to }: Band, color: string, x: (second: number) => number): readonly string[] {
  const width = Math.max(2, x(to) - x(from));
  return [
    `<rect x="${x(from)}" y="${layout.top}" width="${width}" height="${layout.height}" fill="${color}" fill-opacity="0.15"/>`,
    text(x(from), layout.top - 6, title, `fill="${color}"`),
  ];
}

function level(value: number, y: number): readonly string[] {
  return [
    `<line x1="${layout.left}" x2="${layout.left + layout.width}" y1="${y}" y2="${y}" stroke="#dddddd"/>`,
    text(layout.left - 8, y + 4, value.toFixed(0), 'text-anchor="end" fill="#555555"'),
  ];
}

/** 1, 2 or 5 times a power of ten. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((times) => times * power >= value) ?? 10);
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x}" y="${y}" ${attributes}>${content.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>`;
}
