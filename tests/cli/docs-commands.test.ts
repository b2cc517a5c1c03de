/** Whatever a page tells people to type is understood by the program: blocks of shell, and words between back ticks. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";

import { listFiles } from "../house/sources.ts";
import { problemOf } from "./command-lines.ts";

const root = resolve(import.meta.dirname, "../..");
const pages = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", ...listFiles(root, "docs", /\.md$/)];

/** Lines of shell that run the program, each whole; in others its name is a word among others. */
function linesOfShell(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block.replaceAll("\\\n", " "));
  return blocks
    .flatMap((block) => block.split("\n"))
    .map((line) => line.replace(/(^|\s)#.*$/, ""))
    .filter((line) => /(?:^|[;|&(] *|\b(?:sudo|do|exec) |\w=\S+ )(?:\.\/)?matriarch [a-z-]/.test(line));
}

function spans(text: string): readonly string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, "");
  return [...prose.matchAll(/`((?:\.\/)?matriarch [a-z-][^`]*)`/g)].map(([, code = ""]) => code.replaceAll("\\|", "|"));
}

for (const page of pages)
  test(`${page}: every command is one that there is`, async () => {
    const text = readFileSync(join(root, page), "utf8");
    const problems: string[] = [];
    for (const line of [...linesOfShell(text), ...spans(text)]) {
      const problem = await problemOf(line.replace(/(?<![\w/])\.\/matriarch /, "matriarch "));
      if (problem !== undefined) problems.push(`${line}: ${problem}`);
    }
    assert.deepEqual(problems, []);
  });
