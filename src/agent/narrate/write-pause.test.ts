/** How long writes are interrupted, as one host sees it, and over restarts of its agent. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openEventFile } from "../../events/event-file.ts";
import type { PauseMarks } from "../../events/pause-marks.ts";
import type { Route } from "../../router/wire.ts";
import { WritePause } from "./write-pause.ts";

const directory = mkdtempSync(join(tmpdir(), "matriarch-pauses-"));
after(() => rmSync(directory, { recursive: true }));

let time = 1_000_000;
/** Of another machine's start, as a monotonic clock may be. */
const clock = { now: () => time - 999_000, wallNow: () => time };
let files = 0;

function newMarks(): PauseMarks {
  return openEventFile(join(directory, `${(files += 1)}.sqlite`), { now: () => time }).pauses;
}

function route(state: "open" | "hold"): readonly Route[] {
  return [{ cluster: "shop", kind: "primary", epoch: 1, state, targets: [], cut: true }];
}

const asleep = route("hold").map((primary) => ({ ...primary, isAsleep: true as const }));

const pauseOf = (marks: PauseMarks): WritePause => new WritePause({ clock, marks, cluster: "shop@1" });

test("pause: from the endpoint's closing to its opening", () => {
  const pause = pauseOf(newMarks());
  assert.equal(pause.routed(route("open")), undefined);
  time += 100;
  pause.routed(route("hold"));
  time += 50;
  pause.routed(route("hold"));
  assert.equal(pause.lasting, 50);
  time += 250;
  assert.deepEqual(pause.routed(route("open")), { from: time - 300, ms: 300 });
  assert.equal(pause.routed(route("open")), undefined);
});

test("pause: of a primary that answers nothing, from when it was seen well last", () => {
  const pause = pauseOf(newMarks());
  pause.routed(route("open"));
  const lastGood = clock.now();
  time += 1200;
  pause.routed(route("hold"), lastGood);
  time += 300;
  assert.equal(pause.routed(route("open"))?.ms, 1500);
});

test("pause: it lasts over a restart of the agent", () => {
  const marks = newMarks();
  const before = pauseOf(marks);
  before.routed(route("open"));
  time += 100;
  before.routed(route("hold"));
  before.because({ why: "restart", by: "ann" });
  time += 5000;
  const next = pauseOf(marks);
  assert.equal(next.lasting, 5000);
  assert.equal(next.mark?.by, "ann");
  next.routed(route("hold"));
  time += 1000;
  assert.equal(next.routed(route("open"))?.ms, 6000);
  assert.deepEqual(marks.open("shop@1"), []);
});

test("pause: an agent that finds nothing running counts from when writes were known to be taken last", () => {
  const marks = newMarks();
  const before = pauseOf(marks);
  before.routed(route("open"));
  time += 20_000;
  before.goesOn();
  time += 3_600_000;
  const next = pauseOf(marks);
  next.routed(route("hold"));
  time += 2000;
  assert.equal(next.routed(route("open"))?.ms, 3_602_000);
});

test("pause: an agent that finds the primary serving tells of none", () => {
  const marks = newMarks();
  pauseOf(marks).routed(route("open"));
  time += 60_000;
  assert.equal(pauseOf(marks).routed(route("open")), undefined);
});

test("pause: none while the cluster sleeps, nor until it is awake; also of an agent that finds it asleep", () => {
  const marks = newMarks();
  const before = pauseOf(marks);
  before.routed(route("open"));
  time += 100;
  before.routed(asleep);
  time += 60_000;
  before.routed(route("hold"));
  assert.equal(before.lasting, undefined);
  assert.equal(before.isWaking, true);
  const next = pauseOf(marks);
  next.rest();
  time += 500;
  next.routed(route("hold"));
  assert.equal(next.lasting, undefined);
  assert.equal(next.routed(route("open")), undefined);
  assert.equal(next.isWaking, false);
  time += 100;
  next.routed(route("hold"));
  time += 50;
  assert.equal(next.routed(route("open"))?.ms, 50);
});
