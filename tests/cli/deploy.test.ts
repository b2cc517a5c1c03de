/** The templates of deploy/, and what docs/customise.md says beside them, agree with the program as it is. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { homePaths } from "../../src/config/home.ts";
import { agentUnit } from "../../src/installation/hosts/service-unit.ts";
import { parseLine } from "./command-lines.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const withoutHead = (text: string): string => text.slice(text.indexOf("\n"));

test("deploy/matriarch.service is the unit that host init writes, for a checkout in /opt/matriarch", () => {
  const unit = agentUnit({
    node: "/opt/matriarch/runtime/node_modules/.bin/node",
    agentScript: "/opt/matriarch/dist/agent.mjs",
    home: "/var/lib/matriarch",
  });
  assert.equal(withoutHead(read("deploy/matriarch.service")), withoutHead(unit));
  assert.match(read("matriarch"), /runtime=\$root\/runtime\/node_modules/);
});

test("deploy/cloud-init.yaml installs what docs/hosts.md does, and every command in it is understood", async () => {
  const text = read("deploy/cloud-init.yaml");
  const [, words = ""] = /apt-get install -y --no-install-recommends (.*)/.exec(read("docs/hosts.md")) ?? [];
  const packages = words.split(" ");
  assert.ok(packages.length > 3);
  for (const name of packages) assert.ok(text.includes(`  - ${name}\n`), name);
  const lines = text.split("\n").filter((line) => /(?<![\w/])matriarch (host|version)/.test(line));
  assert.equal(lines.length, 4);
  for (const line of lines) assert.equal(await parseLine(line), undefined, line);
});

test("docs/customise.md: directories and templates that it names are there", () => {
  const page = read("docs/customise.md");
  assert.ok(page.includes(homePaths("/var/lib/matriarch").hooks));
  const named = [...page.matchAll(/\]\(\.\.\/(deploy\/[\w.-]+)\)/g)].map(([, path = ""]) => path);
  assert.deepEqual(named.toSorted(), ["deploy/cloud-init.yaml", "deploy/matriarch.service"]);
  for (const path of named) assert.ok(existsSync(join(root, path)), path);
});
