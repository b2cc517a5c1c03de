import assert from "node:assert/strict";
import { test } from "node:test";
import { formatValue, magnitude, normalizeValue } from "./values.ts";

const size = { vartype: "integer", unit: "8kB", enumvals: null };
const time = { vartype: "integer", unit: "ms", enumvals: null };
const count = { vartype: "integer", unit: null, enumvals: null };

test("values: sizes, times and switches as people write them", () => {
  const cases: readonly (readonly [Parameters<typeof normalizeValue>[0], string, string])[] = [
    [size, "256mb", "256MB"],
    [size, " 1 GB ", "1GB"],
    [size, "2g", "2GB"],
    [size, "1.5 GiB", "1.5GB"],
    [size, "512K", "512kB"],
    [size, "16384", "16384"],
    [size, "-1", "-1"],
    [time, "30 Seconds", "30s"],
    [time, "5m", "5min"],
    [time, "1H", "1h"],
    [count, "200", "200"],
    [count, "200MB", "200MB"],
    [{ vartype: "bool", unit: null, enumvals: null }, "Yes", "on"],
    [{ vartype: "bool", unit: null, enumvals: null }, "0", "off"],
    [{ vartype: "bool", unit: null, enumvals: null }, "maybe", "maybe"],
    [{ vartype: "enum", unit: null, enumvals: ["none", "ddl"] }, "DDL", "ddl"],
    [{ vartype: "string", unit: null, enumvals: null }, " 'as it' is ", " 'as it' is "],
    [size, "12 parsecs", "12 parsecs"],
  ];
  for (const [setting, text, value] of cases) assert.equal(normalizeValue(setting, text), value, text);
});

test("values: what a server shows, in the largest unit that loses nothing", () => {
  assert.equal(formatValue({ ...size, setting: "32768" }), "256 MB");
  assert.equal(formatValue({ ...size, setting: "1" }), "8 kB");
  assert.equal(formatValue({ ...time, setting: "90000" }), "90 s");
  assert.equal(formatValue({ ...time, setting: "0" }), "0");
  assert.equal(formatValue({ vartype: "integer", unit: "MB", setting: "-1" }), "-1");
  assert.equal(formatValue({ ...count, setting: "200" }), "200");
  assert.equal(formatValue({ vartype: "string", unit: null, setting: "a, b" }), "a, b");
  assert.equal(magnitude({ setting: "2", unit: "8kB" }), 16_384);
  assert.equal(magnitude({ setting: "5", unit: "min" }), 300_000);
});
