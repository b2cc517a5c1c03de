import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckReport } from "../../contract/monitoring.ts";
import { renderChecks } from "./checks.ts";
import { noPaint } from "./paint.ts";

const why =
  "it follows the primary again once there is one whose log begins where its own ends, and none has been heard of for 12 s";
const line = { group: "pg", member: "shop-2", host: "a", took_ms: 0.1, ok: true, hint: null } as const;
const report: CheckReport = {
  cluster: "shop",
  ok: false,
  missing: [],
  lines: [
    { ...line, check: "disk-capacity", message: "75 GB of 252 GB free (30 %)", took_ms: 4000 },
    { ...line, check: "replication", message: why, ok: false, hint: "See why: matriarch explain shop" },
  ],
};
const tableOf = (terminal: number | undefined): readonly string[] =>
  renderChecks(report, noPaint, terminal).split("\n1 of 2")[0]?.split("\n") ?? [];

test("checks on a terminal of 80 columns: what was found is folded below its heading, whole", () => {
  const lines = tableOf(80);
  assert.ok(lines.length > 3);
  for (const text of lines) assert.ok(text.length <= 80, text);
  const from = lines[0]?.indexOf("FOUND") ?? 0;
  for (const text of lines.slice(3)) assert.equal(text.slice(0, from).trim(), "");
  assert.equal(
    lines
      .slice(2)
      .map((text) => text.slice(from))
      .join(" "),
    why,
  );
});

test("checks where there is hardly room: what was found stands below its check, over the whole width", () => {
  const lines = tableOf(50);
  for (const text of lines) assert.ok(text.length <= 50, text);
  const found = lines.slice(lines.findIndex((text) => text.includes("replication")) + 1);
  assert.equal(found.map((text) => text.trim()).join(" "), why);
});

test("checks elsewhere: a line for each", () => {
  assert.equal(tableOf(undefined).length, 3);
});
