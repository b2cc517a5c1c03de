/**
 * What a topic of the manual is made of. Its text is written once (topics.ts) and shown in three forms: on the terminal by
 * `matriarch help TOPIC`, as a man page, and in docs/cli.md.
 */
import { linesText } from "../output/help.ts";

export interface Topic {
  readonly name: string;
  /** one line, as for a command */
  readonly purpose: string;
  readonly blocks: readonly Block[];
}

/** A paragraph; words with their meaning; lines to type, each with what it is for. */
export type Block = string | { readonly terms: readonly Pair[] } | { readonly lines: readonly Pair[] };

export type Pair = readonly [left: string, right: string];

/** Longer lines are hard to read, however wide the terminal is. */
const widthMax = 96;

/** @param columns of the terminal; undefined: there is none */
export function topicText({ purpose, blocks }: Topic, columns: number | undefined): string {
  const room = Math.min(columns ?? widthMax, widthMax);
  return [purpose, ...blocks.map((block) => blockText(block, room, columns))].join("\n\n");
}

function blockText(block: Block, room: number, columns: number | undefined): string {
  if (typeof block === "string") return wrap(block, room).join("\n");
  if ("lines" in block)
    return linesText(
      block.lines.map(([line, what]) => ({ line, what })),
      columns,
    );
  const width = widest(block.terms);
  return block.terms
    .map(([term, meaning]) => {
      const [first = "", ...rest] = wrap(meaning, room - width - 4);
      return [`  ${term.padEnd(width)}  ${first}`, ...rest.map((line) => `${" ".repeat(width + 4)}${line}`)].join("\n");
    })
    .join("\n");
}

/** For docs/cli.md. */
export function topicMarkdown({ blocks }: Topic): string {
  return blocks.map(blockMarkdown).join("\n\n");
}

function blockMarkdown(block: Block): string {
  if (typeof block === "string") return block;
  if ("terms" in block) {
    return ["| | |", "| --- | --- |", ...block.terms.map(([term, meaning]) => `| \`${term}\` | ${meaning} |`)].join(
      "\n",
    );
  }
  const width = widest(block.lines);
  const lines = block.lines.map(([line, what]) => (what === "" ? line : `${line.padEnd(width)}  # ${what}`));
  return ["```sh", ...lines, "```"].join("\n");
}

function widest(pairs: readonly Pair[]): number {
  return Math.max(...pairs.map(([left]) => left.length));
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
