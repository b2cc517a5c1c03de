/**
 * What is written from the OpenAPI document: the command line's client and docs/api-reference.md. Run without arguments
 * it writes them; tests/docs.test.ts fails when what is written is not what the routes say.
 */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { clientText } from "./api/client.ts";
import { readDocument } from "./api/operations.ts";
import { pageText } from "./api/page.ts";
import type { Page } from "./catalog-pages.ts";

export function apiPages(): readonly Page[] {
  const document = readDocument();
  return [
    { path: "src/cli/client/generated-api.ts", text: clientText(document) },
    { path: "docs/api-reference.md", text: pageText(document) },
  ];
}

if (process.argv[1] === import.meta.filename) {
  const root = resolve(import.meta.dirname, "..");
  for (const { path, text } of apiPages()) writeFileSync(join(root, path), text);
}
