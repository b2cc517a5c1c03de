import assert from "node:assert/strict";
import { test } from "node:test";

import { examplesText, foldText, linesText } from "./help.ts";

const long = `
One that is longer than the terminal is wide goes on
in the next line.

  what is set in stays as it is, however long it may be on the terminal`;

test("paragraphs are folded to the terminal, and left alone without one", () => {
  assert.equal(foldText(long, undefined), long);
  assert.equal(
    foldText(long, 30),
    `
One that is longer than the
terminal is wide goes on in
the next line.

  what is set in stays as it is, however long it may be on the terminal`,
  );
});

test("what an example does stands beside it, and above it where that is too wide", () => {
  const examples = [{ line: "matriarch list", what: "all of them" }];
  assert.equal(examplesText(examples, 80), "\nExamples:\n  $ matriarch list  # all of them");
  assert.equal(examplesText(examples, 20), "\nExamples:\n  # all of them\n  $ matriarch list");
  assert.equal(examplesText([], 80), "");
});

test("a line that is too wide goes on in the next one as a shell reads it, never within quotes", () => {
  const line = `matriarch connect shop --role read -c 'select count(*) from orders' --user ada`;
  const text = linesText([{ line, what: "one statement, on a standby near by" }], 44);
  assert.equal(
    text,
    [
      "  # one statement, on a standby near by",
      "  $ matriarch connect shop --role read -c \\",
      "      'select count(*) from orders' --user \\",
      "      ada",
    ].join("\n"),
  );
});
