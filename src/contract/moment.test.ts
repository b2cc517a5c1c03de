import assert from "node:assert/strict";
import { test } from "node:test";
import { OpError } from "../errors/op-error.ts";
import { formatMoment, parseMoment } from "./moment.ts";

const now = Date.parse("2026-11-22T12:00:00.500Z");
const at = (text: string): string => new Date(parseMoment(text, now).ms).toISOString();

test("moments: offsets, zones, and how long ago", () => {
  assert.equal(at("2026-11-21 10:30Z"), "2026-11-21T10:30:00.000Z");
  assert.equal(at("2026-11-21T10:30:15+01:00"), "2026-11-21T09:30:15.000Z");
  assert.equal(at("2026-11-21 10:30+00"), "2026-11-21T10:30:00.000Z");
  assert.equal(at("2026-11-21 10:30 -0230"), "2026-11-21T13:00:00.000Z");
  assert.equal(at("2026-11-21 10:30 Europe/Berlin"), "2026-11-21T09:30:00.000Z");
  assert.equal(at("2026-07-21 10:30 Europe/Berlin"), "2026-07-21T08:30:00.000Z");
  assert.equal(at("10 minutes ago"), "2026-11-22T11:50:00.500Z");
  assert.equal(at("1 hour and 30 min ago"), "2026-11-22T10:30:00.500Z");
  assert.equal(at("2d ago"), "2026-11-20T12:00:00.500Z");
  const fine = parseMoment("2026-11-21 10:30:07.123456Z", now);
  assert.deepEqual(fine, { ms: Date.parse("2026-11-21T10:30:07.123Z"), text: "2026-11-21 10:30:07.123456+00" });
  assert.equal(parseMoment("10 s ago", now).text, "2026-11-22 11:59:50.500+00");
  assert.equal(formatMoment(now), "2026-11-22 12:00:00Z");
});

test("moments that are refused say what is wrong with them", () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ["2026-11-21 10:30", /names no time zone/],
    ["2026-11-21", /is a day/],
    ["2026-02-30 10:30Z", /never was/],
    ["2026-11-21 25:00Z", /never was/],
    ["2026-11-21 10:61Z", /never was/],
    ["2026-11-23 10:30Z", /lies in the future/],
    ["2026-11-21 10:30+15:00", /no offset/],
    ["2026-11-21 10:30 Europe/Nowhere", /no time zone/],
    ["2026-03-29 02:30 Europe/Berlin", /never was/],
    ["2026-10-25 02:30 Europe/Berlin", /was twice/],
    ["ten minutes ago", /is no time/],
    ["10 parsecs ago", /is no time/],
    ["ago", /is no time/],
    ["", /is no time/],
    ["'; DROP TABLE t", /is no time/],
  ];
  for (const [text, why] of refused)
    assert.throws(
      () => parseMoment(text, now),
      (error) => error instanceof OpError && error.code === "bad-value" && why.test(error.message),
      text,
    );
});
