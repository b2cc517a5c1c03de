/** A line of the timeline: how long it took is told once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventSchema } from "../../contract/cluster.ts";
import { noPaint } from "./paint.ts";
import { renderEvent } from "./events.ts";

function told(message: string, duration_ms: number | null): string {
  const who = { cluster: "shop", member: null, host: null, actor: "matriarch", cause: null };
  const what = { id: 1, type: "writes.paused", level: "info", epoch: null, details: {} };
  const event = eventSchema.parse({ ...who, ...what, at: "2026-11-22T08:38:01.022Z", message, duration_ms });
  return renderEvent(event, noPaint).slice(25);
}

test("events: a duration that the message has is not told again", () => {
  assert.equal(told("writes paused for 753 ms (failover)", 753), "shop        writes paused for 753 ms (failover)");
  assert.equal(told("writes paused for 1948 ms", 1948), "shop        writes paused for 1948 ms");
  assert.equal(told('"shop-2" took over', 753), 'shop        "shop-2" took over  (753 ms)');
  assert.equal(told("settings changed", null), "shop        settings changed");
});
