/** Pages made from the catalogs say what the catalogs say. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { catalogPages } from "../scripts/catalog-pages.ts";

const root = resolve(import.meta.dirname, "..");

for (const { path, text } of catalogPages()) {
  test(`${path} is what its catalog says (else run: node scripts/catalog-pages.ts)`, () => {
    assert.equal(readFileSync(join(root, path), "utf8"), text);
  });
}
