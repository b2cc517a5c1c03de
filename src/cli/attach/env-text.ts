/**
 * The text of a file of NAME=value lines, as shells, dotenv, systemd and compose read it: one variable set in it and
 * taken out again, every other byte left as it is. What was set before is kept beside it as a comment, so that it can be
 * put back. Pure.
 */

export interface Owner {
  readonly cluster: string;
  readonly app: string;
}

interface Line {
  /** without its end */
  readonly text: string;
  readonly end: string;
}

/**
 * Sets the variable for `owner`, in the place of what is there. Other lines that set it become comments.
 * @param value without a quote in it; it is put in single quotes, which all readers take off
 */
export function setVariable(text: string, owner: Owner, variable: string, value: string): string {
  const line = `${variable}='${value}'`;
  const lines = linesOf(text);
  const at = lines.findIndex(({ text: found }) => isMark(found, owner));
  if (at >= 0 && setsVariable(lines[at + 1]?.text, variable)) return joined(replaced(lines, at + 1, line));
  return placed(unsetVariable(text, owner) ?? text, owner, variable, line);
}

/** Takes out what `setVariable` set, and puts back what it had put aside; undefined when there is nothing of it. */
export function unsetVariable(text: string, owner: Owner): string | undefined {
  const lines = linesOf(text);
  const at = lines.findIndex(({ text: found }) => isMark(found, owner));
  const aside = asideOf(owner);
  if (at < 0 && !lines.some(({ text: found }) => found.startsWith(aside))) return undefined;
  const gone = at < 0 ? 0 : /^[A-Za-z_]\w*='[^']*'$/.test(lines[at + 1]?.text ?? "") ? 2 : 1;
  const rest = lines.filter((_, index) => at < 0 || index < at || index >= at + gone);
  const back = joined(
    rest.map((line) => (line.text.startsWith(aside) ? { ...line, text: line.text.slice(aside.length) } : line)),
  );
  const isJoined = at >= 0 && lines[at]?.text.endsWith(joinedMark) && at + gone >= lines.length;
  return isJoined ? back.replace(/\r?\n$/, "") : back;
}

/** The line that sets the variable and is not of `owner`; undefined when there is none. */
export function strangeLine(text: string, owner: Owner, variable: string): string | undefined {
  const lines = linesOf(text);
  return lines.find(
    (line, at) => setsVariable(line.text, variable) && !(at > 0 && isMark(lines[at - 1]?.text ?? "", owner)),
  )?.text;
}

/** A quoted value that goes on in the next line cannot be put aside as a comment. */
export function spansLines(line: string): boolean {
  const value = line.slice(line.indexOf("=") + 1).trim();
  const quote = /^["'`]/.exec(value)?.[0];
  return quote !== undefined && !new RegExp(`^${quote}(?:\\\\.|[^${quote}\\\\])*${quote}`).test(value);
}

function placed(text: string, owner: Owner, variable: string, line: string): string {
  const lines = linesOf(text);
  const end = lines[0]?.end.includes("\r") ? "\r\n" : "\n";
  const first = lines.findIndex((found) => setsVariable(found.text, variable));
  const aside = (found: Line): Line =>
    setsVariable(found.text, variable) ? { text: asideOf(owner) + found.text, end: found.end } : found;
  const isOpen = text !== "" && !text.endsWith("\n");
  const block = [
    { text: `${markOf(owner)}${isOpen && first < 0 ? joinedMark : ""}`, end },
    { text: line, end },
  ];
  if (first >= 0) return joined([...lines.slice(0, first).map(aside), ...block, ...lines.slice(first).map(aside)]);
  return text + (isOpen ? end : "") + joined(block);
}

/** The file did not end with an end of line. */
const joinedMark = " (joined)";

function markOf({ cluster, app }: Owner): string {
  return `# matriarch attach ${cluster} ${encodeURIComponent(app)}`;
}

function asideOf({ cluster, app }: Owner): string {
  return `# matriarch before ${cluster} ${encodeURIComponent(app)}: `;
}

function isMark(text: string, owner: Owner): boolean {
  return text === markOf(owner) || text === markOf(owner) + joinedMark;
}

function setsVariable(text: string | undefined, variable: string): boolean {
  return text !== undefined && new RegExp(`^\\s*(?:export\\s+)?${variable}\\s*=`).test(text);
}

function linesOf(text: string): readonly Line[] {
  return (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).map((whole) => {
    const end = /\r?\n$/.exec(whole)?.[0] ?? "";
    return { text: whole.slice(0, whole.length - end.length), end };
  });
}

function replaced(lines: readonly Line[], at: number, text: string): readonly Line[] {
  return lines.map((line, index) => (index === at ? { ...line, text } : line));
}

function joined(lines: readonly Line[]): string {
  return lines.map(({ text, end }) => text + end).join("");
}
