/** What procfs tells of a process that was killed and cannot end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDoomed, tellsDoom } from "./processes.ts";

const status = (sigPnd: string, shdPnd: string): string =>
  `Name:\tpostgres\nState:\tD (disk sleep)\nSigQ:\t1/95\nSigPnd:\t${sigPnd}\nShdPnd:\t${shdPnd}\nSigBlk:\t0000000000000000\n`;
const none = "0000000000000000";

test("a process with SIGKILL pending is doomed, whichever of its sets says so; one that waits for others is not", () => {
  assert.equal(tellsDoom(status("0000000000000100", none)), true);
  assert.equal(tellsDoom(status(none, "0000000000000104")), true);
  assert.equal(tellsDoom(status("0000000000000004", "0000000000004001")), false);
  assert.equal(tellsDoom(status(none, none)), false);
  assert.equal(tellsDoom(""), false);
});

test("a process that runs, or that nobody knows of, is not doomed", () => {
  assert.equal(isDoomed(process.pid), false);
  assert.equal(isDoomed(2 ** 22 + 1), false);
});
