/** What a person is told while a log is replayed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { replayProgress } from "./replay-progress.ts";

const names = ["000000010000000000000003", "000000010000000000000004", "000000020000000000000005"];
const [third = "", fourth = "", fifth = ""] = names;
const writtenAt = async (file: string) =>
  names.includes(file) ? Date.UTC(2026, 10, 21, 10, names.indexOf(file)) : undefined;

test("it goes forward only, along a switch of timelines, and tells no time beyond the target", async () => {
  const target = { kind: "time", ms: Date.UTC(2026, 10, 21, 10, 1, 30), text: "", isInclusive: true } as const;
  const told: string[] = [];
  const tell = replayProgress({ writtenAt }, { served: ["00000002.history", ...names], target }, (text) =>
    told.push(text),
  );
  for (const at of [third, fourth, third, fourth, "0/4000028", fifth, third, fourth, fifth]) await tell(at);
  assert.deepEqual(told, [
    "replaying its log: file 1 of 3, changes until 2026-11-21 10:00:00Z",
    "replaying its log: file 2 of 3, changes until 2026-11-21 10:01:00Z",
    "replaying its log: at 0/4000028",
    "replaying its log: file 3 of 3, changes until 2026-11-21 10:01:30Z",
  ]);
});
