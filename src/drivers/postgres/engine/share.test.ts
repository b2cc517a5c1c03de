import assert from "node:assert/strict";
import { test } from "node:test";
import { OpError } from "../../../errors/op-error.ts";
import { shareWork } from "./share.ts";

const signal = new AbortController().signal;

test("shared work: callers at the same time get one run, later ones another", async () => {
  const underWay = new Map<string, Promise<number>>();
  let runs = 0;
  const share = (): Promise<number> => shareWork(underWay, "a", signal, async () => ++runs);
  assert.deepEqual(await Promise.all([share(), share()]), [1, 1]);
  assert.equal(await share(), 2);
});

test("shared work: a failure is everyone's", async () => {
  const underWay = new Map<string, Promise<number>>();
  let runs = 0;
  const fail = async (): Promise<number> => {
    runs++;
    throw new OpError("engine-failed", { message: "no" });
  };
  const outcomes = await Promise.allSettled([1, 2].map(() => shareWork(underWay, "a", signal, fail)));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.equal(runs, 1);
});

test("shared work: whoever waits takes over when the first one cancels", async () => {
  const underWay = new Map<string, Promise<string>>();
  const cancelled = shareWork(underWay, "a", signal, () => Promise.reject(new DOMException("cancelled", "AbortError")));
  const waiting = [1, 2].map(() => shareWork(underWay, "a", signal, async () => "done"));
  await assert.rejects(cancelled, /cancelled/);
  assert.deepEqual(await Promise.all(waiting), ["done", "done"]);
});
