/** Examples and paragraphs of a command's help, folded to the terminal. Where there is none, as they were written. */
export interface Example {
  readonly line: string;
  readonly what: string;
}

export function examplesText(examples: readonly Example[], columns: number | undefined): string {
  if (examples.length === 0) return "";
  const width = Math.max(...examples.map(({ line }) => line.length));
  const beside = examples.map(({ line, what }) => `  $ ${line.padEnd(width)}  # ${what}`);
  const fits = beside.every((line) => line.length <= (columns ?? Infinity));
  const lines = fits ? beside : examples.flatMap(({ line, what }) => [`  # ${what}`, `  $ ${line}`]);
  return `\nExamples:\n${lines.join("\n")}`;
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
