/** The pages for those who come from elsewhere: every row has an end, and every command that they name is understood. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";

import { createProgram } from "../../src/cli/program.ts";
import { problemOf } from "./command-lines.ts";

const docs = resolve(import.meta.dirname, "../../docs");
const commands = new Set(createProgram(async () => {}).commands.map((made) => made.name()));

interface Row {
  readonly first: string;
  readonly outcome: string;
  readonly how: string;
}

function rowsOf(page: string): readonly Row[] {
  const lines = readFileSync(join(docs, page), "utf8").split("\n");
  const cells = lines
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  return cells
    .map((row) => ({ first: row[1] ?? "", outcome: row.at(-3) ?? "", how: row.at(-2) ?? "" }))
    .filter(({ outcome }) => outcome !== "" && !/^-+$/.test(outcome) && !outcome.includes("`"));
}

/** What stands between back ticks and begins with a command, with or without the program's name. */
function commandsIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)]
    .map(([, code = ""]) => code.replaceAll("\\|", "|"))
    .filter((code) => /(^|\$\()matriarch /.test(code) || commands.has(code.split(" ")[0] ?? ""))
    .map((code) => (/(^|\()matriarch /.test(code) ? code : `matriarch ${code}`));
}

for (const page of ["coming-from-fly.md", "coming-from-heroku.md"]) {
  describe(page, () => {
    const rows = rowsOf(page);
    test("every row ends as yes, better, a reasoned no, or with what will bring it", () => {
      for (const { first, outcome, how } of rows) {
        assert.match(outcome, /^(yes|better|no|with [a-z ]+)$/, first);
        if (outcome === "no") assert.ok(how.length > 5, `${first}: a reason`);
        if (outcome === "yes" || outcome === "better")
          assert.ok(commandsIn(how).length > 0, `${first} names no command: ${how}`);
      }
    });
    test("every command is understood by the program", async () => {
      // In the first column stand the others' commands.
      const text = readFileSync(join(docs, page), "utf8").split("\n");
      const all = text
        .map((line) => (line.startsWith("| ") ? (line.split(/(?<!\\)\|/).at(-2) ?? "") : line))
        .flatMap(commandsIn);
      assert.ok(all.length > 20);
      for (const line of all) assert.equal(await problemOf(line), undefined, line);
    });
  });
}

test("coming-from-fly.md: the 122 rows, each once", () => {
  const numbers = rowsOf("coming-from-fly.md").flatMap(({ first }) => {
    const [from = Number.NaN, to = from] = first.split("–").map(Number);
    return Array.from({ length: to - from + 1 }, (_, at) => from + at);
  });
  assert.deepEqual(
    numbers,
    Array.from({ length: 122 }, (_, at) => at + 1),
  );
});
