/**
 * The shell blocks of a page in docs/, so that what is tried is what is written there. Used by the trial on bare
 * machines; pure but for the reading of the page.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const docs = join(import.meta.dirname, "..", "..", "..", "docs");

/** Blocks below a heading that starts with `heading`, in their order. @throws Error when there is none */
export function blocksOf(page: string, heading: string): readonly string[] {
  const text = readFileSync(join(docs, page), "utf8");
  const sections = text.split(/^## /m).slice(1);
  const section = sections.find((candidate) => candidate.startsWith(heading));
  const blocks = [...(section ?? "").matchAll(/^```sh\n(.*?)^```$/gms)].map(([, body = ""]) => body);
  if (blocks.length === 0) throw new Error(`docs/${page} has no shell block below "${heading}"`);
  return blocks;
}
