/** The main stories of the protocol, as transcripts. UPDATE=1 writes them anew: then read the difference. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { tellStory } from "./story.ts";

const folder = new URL(".", import.meta.url);

for (const name of readdirSync(folder).filter((file) => file.endsWith(".txt"))) {
  test(`story: ${name.slice(0, -4).replaceAll("-", " ")}`, () => {
    const file = new URL(name, folder);
    const text = readFileSync(file, "utf8");
    const told = tellStory(text);
    if (process.env["UPDATE"] === "1") writeFileSync(file, told);
    else assert.equal(told, text);
  });
}
