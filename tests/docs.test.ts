/** Pages made from the catalogs say what the catalogs say. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { apiPages } from "../scripts/api-pages.ts";
import { catalogPages } from "../scripts/catalog-pages.ts";
import { hostsFaultsPage } from "../scripts/hosts-faults-page.ts";
import { eventCatalog } from "../src/events/catalog.ts";
import { listFiles } from "./house/sources.ts";

const root = resolve(import.meta.dirname, "..");

for (const { path, text } of catalogPages()) {
  test(`${path} is what its catalog says (else run: node scripts/catalog-pages.ts)`, () => {
    assert.equal(readFileSync(join(root, path), "utf8"), text);
  });
}

for (const { path, text } of apiPages()) {
  test(`${path} is what the routes say (else run: node scripts/api-pages.ts)`, () => {
    assert.equal(readFileSync(join(root, path), "utf8"), text);
  });
}

test("docs/hosts-faults.md is what the stories say (else run: node scripts/hosts-faults-page.ts)", () => {
  const { path, text } = hostsFaultsPage();
  assert.equal(readFileSync(join(root, path), "utf8"), text);
});

test("every event of the catalog is told by somebody", () => {
  const told = listFiles(root, "src", /\.ts$/)
    .filter((path) => !/^src\/events\/\w+-events\.ts$|\.test\.ts$/.test(path))
    .map((path) => readFileSync(join(root, path), "utf8"))
    .join("\n");
  // The processes beside the agent are told of in one place, by their names.
  const isTold = (type: string): boolean =>
    told.includes(`"${type}"`) || told.includes(`\`${type.replace(/^(guard|relay|router)\./, "${name}.")}\``);
  assert.deepEqual(
    Object.keys(eventCatalog).filter((type) => !isTold(type)),
    [],
  );
});
