/** The code checked against the house's own rules (tests/house/rules.ts), and the rules against code that breaks them. */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { checkCycles, checkFiles, checkLayers, checkPurity, checkWording, layerOf, layers } from "./house/rules.ts";
import { listFiles, parseSource, readSource } from "./house/sources.ts";

const root = resolve(import.meta.dirname, "..");
const sources = listFiles(root, "src", /\.tsx?$/).map((path) => readSource(root, path));
const known = new Set(sources.map((source) => source.path));

function assertNone(problems: readonly string[]): void {
  assert.equal(problems.length, 0, `\n${problems.join("\n")}\n`);
}

describe("house", () => {
  test("every file is in a layer and every import leads to a file that exists", () => {
    assert.ok(sources.length > 30);
    assertNone(
      sources.filter((source) => layers[layerOf(source.path)] === undefined).map(({ path }) => `${path}:1: no layer`),
    );
    assertNone(
      sources.flatMap(({ path, imports }) =>
        imports
          .filter(({ target }) => target?.startsWith("src/") && !known.has(target))
          .map(({ line, specifier }) => `${path}:${line}: "${specifier}" leads nowhere`),
      ),
    );
  });
  test("who may import whom", () => assertNone(checkLayers(sources)));
  test("no import cycles, types included", () => assertNone(checkCycles(sources)));
  test("sizes, names and exports of files", () => assertNone(checkFiles(sources)));
  test("core and domain are pure", () => assertNone(checkPurity(sources)));
  test("nothing names one machine", () => {
    const folders = ["src", "tests", "scripts", "bench", "docs"].filter(isFolder);
    const paths = folders.flatMap((folder) => listFiles(root, folder, /\.(ts|md|json|sh|txt|html|css)$|^[a-z-]+$/));
    const own = paths.filter((path) => !path.endsWith("/layers.test.ts") && !path.includes("results/"));
    assertNone(checkWording(own.map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))));
  });
});

describe("the checks themselves", () => {
  const refused: readonly (readonly [string, string, string, RegExp])[] = [
    [
      "a forbidden layer",
      "src/core/a.ts",
      'import { x } from "../drivers/store/port.ts";',
      /a\.ts:2: core must not import drivers/,
    ],
    ["a type import", "src/core/a.ts", 'import type { X } from "../agent/x.ts";', /core must not import agent/],
    ["an inline type import", "src/core/a.ts", 'type X = import("../agent/x.ts").X;', /core must not import agent/],
    [
      "a dynamic import",
      "src/cli/a.ts",
      'export const x = () => import("../agent/x.ts");',
      /cli must not import agent/,
    ],
    ["a re-export", "src/api/a.ts", 'export { x } from "../agent/x.ts";', /api must not import agent/],
    ["a package in the domain", "src/domain/a.ts", 'import { z } from "zod";', /domain must not import "zod"/],
    ["another driver's inside", "src/drivers/a/a.ts", 'import { x } from "../b/x.ts";', /only port\.ts of driver "b"/],
    ["a test", "src/agent/a.ts", 'import { x } from "../drivers/store/suite.ts";', /must not import a test/],
    ["what is outside", "src/entry/a.ts", 'import { x } from "../../tests/x.ts";', /outside src/],
  ];
  for (const [what, path, text, said] of refused) {
    test(`${what} is refused`, () =>
      assert.match(checkLayers([parseSource(path, `/** x */\n${text}`)]).join("\n"), said));
  }

  test("what the table allows is let through", () => {
    const good = [
      ["src/core/a.ts", 'import { x } from "../domain/x.ts"; import assert from "node:assert/strict";'],
      ["src/drivers/a/b/c.ts", 'import type { X } from "../../b/port.ts"; import { y } from "../y.ts";'],
      ["src/api/routes/a.ts", 'import type { Store } from "../../drivers/store/port.ts";'],
      ["src/entry/a.ts", 'import { x } from "../agent/x.ts";'],
      ["src/core/a.test.ts", 'import { x } from "../agent/x.ts";'],
    ] as const;
    assert.deepEqual(checkLayers(good.map(([path, text]) => parseSource(path, text))), []);
  });

  test("a cycle through three files is found, also one of types", () => {
    const file = (name: string, other: string) =>
      parseSource(`src/core/${name}.ts`, `import type { X } from "./${other}.ts";`);
    assert.equal(checkCycles([file("a", "b"), file("b", "c"), file("c", "a")]).length, 1);
    assert.equal(checkCycles([file("a", "b"), file("b", "c"), file("c", "d")]).length, 0);
  });

  test("long files, bad names, default exports, barrels and missing heads are found", () => {
    const check = (path: string, text: string) => checkFiles([parseSource(path, text)]).join("\n");
    assert.match(check("src/core/a.ts", `/** x */\n${"export {};\n".repeat(400)}`), /401 lines/);
    assert.match(check("src/core/utils/a.ts", "/** x */"), /says nothing/);
    assert.match(check("src/core/a.ts", "/** x */ export default 1;"), /default export/);
    assert.match(check("src/core/a.ts", '/** x */ export * from "./b.ts";'), /passes on/);
    assert.match(check("src/core/a.ts", "export const a = 1;"), /at its head/);
    assert.equal(check("src/core/a.ts", '/** x */ export { b } from "./b.ts"; export const a = 1;'), "");
  });

  for (const text of [
    "Date.now()",
    "Math.random()",
    "new Date()",
    "async () => 1",
    "console.log(1)",
    "setTimeout(f)",
    "process.pid",
  ]) {
    test(`pure code has no ${text}`, () => {
      assert.equal(checkPurity([parseSource("src/core/a.ts", `export const x = ${text};`)]).length, 1);
      assert.equal(checkPurity([parseSource("src/agent/a.ts", `export const x = ${text};`)]).length, 0);
    });
  }
  test("pure code may make a date of a number", () => {
    assert.deepEqual(
      checkPurity([parseSource("src/core/a.ts", "export const x = (t: number) => new Date(t).toISOString();")]),
      [],
    );
  });

  test("a path of one machine is found", () => {
    const check = (text: string) => checkWording([{ path: "a.md", text }]).length;
    assert.equal(check(["see ", "/home", "/ada/notes"].join("")), 1);
    assert.equal(check("see src/home/a and https://example.com/home/ and /var/lib/matriarch"), 0);
  });
});

function isFolder(path: string): boolean {
  return statSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() === true;
}
