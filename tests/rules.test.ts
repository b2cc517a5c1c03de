/** The alert rules that are shipped: each on figures that mean trouble and on figures that do not. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { promisify } from "node:util";

const shipped = new URL("../monitoring/prometheus/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, shipped), "utf8");
const promtool = ["/usr/bin/promtool", "/usr/local/bin/promtool"].find((path) => existsSync(path));
const alerts = [...read("matriarch.rules.yml").matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name);

describe("alert rules", () => {
  test("promtool: every alert fires on trouble, and on nothing else", { skip: !promtool }, async () => {
    const tests = read("matriarch.rules.test.yml");
    for (const alert of alerts)
      for (const what of ["fires", "does not fire"])
        assert.ok(tests.includes(`- name: ${alert} ${what}\n`), `${alert} ${what}`);
    const file = new URL("matriarch.rules.test.yml", shipped).pathname;
    await promisify(execFile)(promtool ?? "", ["test", "rules", file]);
  });

  test("every alert says how urgent it is, what is wrong and what to do", () => {
    const each = read("matriarch.rules.yml").split("- alert: ").slice(1);
    for (const text of each) {
      assert.match(text, /severity: (info|warn|page) /);
      assert.match(text, /summary: ".+"\n/);
      assert.match(text, /description: ".+"\n/);
    }
  });
});
