/**
 * Man pages in the language of man(7), which groff and mandoc both read. Called by pages.ts. Pure; whatever stands in a
 * text is text, also a dot at the beginning of a line.
 */
import type { Block } from "./topic.ts";

export interface PageHead {
  /** `matriarch-status` */
  readonly name: string;
  readonly section: 1 | 7;
  readonly purpose: string;
  readonly version: string;
}

/** Day of the page; a date that is made anew each time would make each page differ from the last. */
const dateOf = "2026-11-21";

export function head({ name, section, purpose, version }: PageHead): readonly string[] {
  return [
    `.TH ${escaped(name.toUpperCase())} ${section} ${dateOf} "Matriarch ${version}" "Matriarch"`,
    // Words are not cut, and lines not stretched: commands are copied from here.
    ".nh",
    ".ad l",
    ".SH NAME",
    `${escaped(name)} \\- ${escaped(purpose.replace(/\.$/, ""))}`,
  ];
}

export function section(title: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return [];
  // A heading begins a paragraph by itself.
  const inner = lines[0] === ".PP" ? lines.slice(1) : lines;
  return [`.SH ${title.includes(" ") ? `"${title}"` : title}`, ...inner];
}

export function paragraph(text: string): readonly string[] {
  return [".PP", escaped(text)];
}

export function term(name: string, meaning: string): readonly string[] {
  return [".TP", bold(name), escaped(meaning)];
}

export function bold(text: string): string {
  return `\\fB${inner(text)}\\fR`;
}

export function italic(text: string): string {
  return `\\fI${inner(text)}\\fR`;
}

/** Lines as they are typed. */
export function example(lines: readonly string[]): readonly string[] {
  return [".RS 4", ".EX", ...lines.map(escaped), ".EE", ".RE"];
}

export function blocks(of: readonly Block[]): readonly string[] {
  return of.flatMap((block) => {
    if (typeof block === "string") return paragraph(block);
    if ("terms" in block) return block.terms.flatMap(([name, meaning]) => term(name, meaning));
    return block.lines.flatMap(([line, what]) =>
      what === "" ? example([line]) : [...capital(what), ...example([line])],
    );
  });
}

/** What a line is for stands before it. */
function capital(what: string): readonly string[] {
  return paragraph(`${what.charAt(0).toUpperCase()}${what.slice(1)}:`);
}

/** A line of text. */
export function escaped(text: string): string {
  return inner(text).replace(/^(?=[.'])/, "\\&");
}

/** Source: groff_char(7): a hyphen that is to be typed, quotes and accents that are not to be made typographic. */
function inner(text: string): string {
  return text
    .replaceAll("\\", "\\(rs")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replaceAll("…", "...");
}
