/** Examples and paragraphs of a command's help, folded to the terminal. Where there is none, as they were written. */
export interface Example {
  readonly line: string;
  readonly what: string;
}

export function examplesText(examples: readonly Example[], columns: number | undefined): string {
  return examples.length === 0 ? "" : `\nExamples:\n${linesText(examples, columns)}`;
}

/** What each line does stands beside it; above, where that is too wide for the terminal. */
export function linesText(examples: readonly Example[], columns: number | undefined): string {
  const width = Math.max(...examples.map(({ line }) => line.length));
  const beside = examples.map(({ line, what }) =>
    what === "" ? `  $ ${line}` : `  $ ${line.padEnd(width)}  # ${what}`,
  );
  const fits = beside.every((line) => line.length <= (columns ?? Infinity));
  const lines = fits ? beside : examples.flatMap((example) => above(example, columns ?? Infinity));
  return lines.join("\n");
}

function above({ line, what }: Example, columns: number): readonly string[] {
  const comment = what === "" ? [] : foldParagraph(what, columns - 4).split("\n");
  return [...comment.map((part) => `  # ${part}`), ...continued(`  $ ${line}`, columns)];
}

/** A line that is too long goes on in the next one, as a shell takes it; never within quotes. */
function continued(line: string, columns: number): readonly string[] {
  if (line.length <= columns) return [line];
  const words = line.trim().match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined) lines.push(`  ${word}`);
    else if (`${last} ${word} \\`.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`      ${word}`);
  }
  return lines.map((part, at) => (at === lines.length - 1 ? part : `${part} \\`));
}

export function foldText(text: string, columns: number | undefined): string {
  if (columns === undefined || text.split("\n").every((line) => line.length <= columns)) return text;
  return text
    .split("\n\n")
    .map((paragraph) => (/^ /m.test(paragraph) ? paragraph : foldParagraph(paragraph, columns)))
    .join("\n\n");
}

function foldParagraph(paragraph: string, columns: number): string {
  const start = /^\n*/.exec(paragraph)?.[0] ?? "";
  const lines: string[] = [];
  for (const word of paragraph.trim().split(/\s+/)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= columns) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return start + lines.join("\n");
}
