import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";

import fc from "fast-check";

import { setVariable, spansLines, strangeLine, unsetVariable } from "./env-text.ts";

const web = { cluster: "shop", app: "web" };
const uri = "postgresql://web:x@localhost:1/web?sslmode=verify-full&sslrootcert=/a/b";

describe("a variable in a file of others", () => {
  test("stands at the end, quoted, under a comment", () => {
    assert.equal(
      setVariable("A=1\n", web, "DATABASE_URL", uri),
      `A=1\n# matriarch attach shop web\nDATABASE_URL='${uri}'\n`,
    );
  });

  test("set again, it is replaced where it stands", () => {
    const once = `${setVariable("A=1\n", web, "DATABASE_URL", "old")}B=2\n`;
    assert.equal(setVariable(once, web, "DATABASE_URL", "new"), once.replace("old", "new"));
  });

  test("under another name, the first one goes", () => {
    const text = setVariable(setVariable("A=1\n", web, "ONE", "x"), web, "TWO", "y");
    assert.equal(text, "A=1\n# matriarch attach shop web\nTWO='y'\n");
  });

  test("what was set before is kept as a comment in its place, and put back", () => {
    const before = 'A=1\nexport DATABASE_URL = "old" # mine\nB=2\nDATABASE_URL=older\nDATABASE_URL_2=z\n';
    const set = setVariable(before, web, "DATABASE_URL", uri);
    assert.match(set, /^A=1\n# matriarch attach shop web\nDATABASE_URL='.*'\n# matriarch before shop web: export/);
    assert.equal(strangeLine(set, web, "DATABASE_URL"), undefined);
    assert.equal(unsetVariable(set, web), before);
  });

  test("two applications of two clusters stand side by side", () => {
    const other = { cluster: "shop", app: "web 2" };
    const one = setVariable("", web, "ONE", "x");
    const both = setVariable(one, other, "TWO", "y");
    assert.equal(unsetVariable(both, other), one);
    assert.equal(unsetVariable(both, web), setVariable("", other, "TWO", "y"));
    assert.equal(unsetVariable(one, other), undefined);
    assert.equal(strangeLine(both, other, "ONE"), "ONE='x'");
  });

  test("an edit by hand below the comment is left alone", () => {
    assert.equal(unsetVariable("# matriarch attach shop web\nOTHER=1\n", web), "OTHER=1\n");
  });

  test("values of several lines are known", () => {
    for (const line of ['A="x', "A='", 'A="x\\"', "A=`y"]) assert.equal(spansLines(line), true, line);
    for (const line of ["A=x", 'A="x"', "A='it' # b", 'A="x\\"y"', "A="]) assert.equal(spansLines(line), false, line);
  });

  const text = fc
    .array(fc.constantFrom("A=1", "DATABASE_URL=x", "# c", "", " export DATABASE_URL='y'", "ü=\\", "B='2'"))
    .chain((lines) => fc.constantFrom("\n", "\r\n").map((end) => lines.map((line) => line + end).join("")))
    .chain((whole) => fc.boolean().map((cut) => (cut ? whole.replace(/\r?\n$/, "") : whole)));

  test("any file comes back byte for byte, also after several settings", () => {
    fc.assert(
      fc.property(
        text,
        fc.string({ minLength: 1 }),
        fc.array(fc.constantFrom("DATABASE_URL", "B"), { minLength: 1 }),
        (before, app, names) => {
          const owner = { cluster: "shop", app };
          const after = names.reduce((now, name, at) => setVariable(now, owner, name, `v${at}`), before);
          assert.equal(strangeLine(after, owner, names.at(-1) ?? ""), undefined);
          assert.equal(unsetVariable(after, owner), before);
        },
      ),
    );
  });

  test("a shell reads what was written", () => {
    const directory = mkdtempSync(join(tmpdir(), "matriarch-env-"));
    try {
      const file = join(directory, "env");
      writeFileSync(file, setVariable("A=1\n", web, "DATABASE_URL", uri));
      const read = execFileSync("/bin/sh", ["-c", `. ${file}; printf %s "$DATABASE_URL"`], { encoding: "utf8" });
      assert.equal(read, uri);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
