/** One test restore at a time, by what the store says: also where a host that is cut off is taken for lost by the others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore } from "../../drivers/store/memory.ts";
import { readProofs } from "../../drivers/store/proof-records.ts";
import { runHeldMs, type Proof, type ProofRecord } from "../../domain/proof.ts";
import { OpError } from "../../errors/op-error.ts";
import type { OperationState } from "../../events/event.ts";
import { giveRunBack, keepRun, recordProof, refuseHeld, takeRun } from "./run.ts";

const spec = { name: "shop", systemIdentifier: "7" };
const asked = (id: string) => ({ id, by: "ada" });

function proofOf(base: string): Proof {
  const figures = { bytes: 0, tables: 0, rows: 0, whole: 0, unchecked: 0, pages: 0, counts: [] };
  return { at: 1, tookMs: 1, by: "ada", from: "snapshot", base, target: 1, problems: [], ...figures };
}

/** Two agents of one store, neither of which knows what the other has under way. */
function hosts() {
  const store = new MemoryStore();
  const at = { now: 1_800_000_000_000 };
  const warned: unknown[] = [];
  const host = (hostName: string) => {
    const states = new Map<string, OperationState>();
    const operations = {
      has: (id: string) => states.has(id),
      get: (id: string) => ({ state: states.get(id) ?? assert.fail(id) }),
    };
    const log = { warn: (...line: readonly unknown[]) => void warned.push(line) };
    const proofs = new Map<string, ProofRecord>();
    return { store, proofs, hostName, clock: { wallNow: () => at.now }, log, operations, states };
  };
  const bases = async (): Promise<readonly string[]> =>
    ((await readProofs(store)).get("shop")?.proofs ?? []).map(({ base }) => base);
  return { at, warned, a: host("a"), b: host("b"), bases };
}

function refused(words: RegExp) {
  return (error: unknown): boolean =>
    error instanceof OpError && words.test([error.code, error.message, error.detail].join(" "));
}

test("the second is refused, whatever its host knows of the first, and made once that one has its record", async () => {
  const { a, b, bases } = hosts();
  const first = await takeRun(a, spec, asked("one"));
  await assert.rejects(refuseHeld(b, spec), refused(/busy .*under way already.*"ada" on host "a"/));
  await assert.rejects(takeRun(b, spec, asked("two")), refused(/busy/));
  await recordProof(a, spec, first, proofOf("s1"));
  await refuseHeld(b, spec);
  const second = await takeRun(b, spec, asked("two"));
  assert.deepEqual([first.number, second.number], [1, 2]);
  await recordProof(b, spec, second, proofOf("s2"));
  assert.deepEqual(await bases(), ["s1", "s2"]);
});

test("two at the same moment: one of them is refused", async () => {
  const { a, b } = hosts();
  const tried = await Promise.allSettled([takeRun(a, spec, asked("one")), takeRun(b, spec, asked("two"))]);
  assert.deepEqual(tried.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
});

test("a host that is silent for longer keeps nobody from it, and its own record is not kept when it comes back", async () => {
  const { at, a, b, bases } = hosts();
  const first = await takeRun(a, spec, asked("one"));
  at.now += runHeldMs;
  const second = await takeRun(b, spec, asked("two"));
  await assert.rejects(
    recordProof(a, spec, first, proofOf("s1")),
    refused(/operation-failed another .* on host "b" .*Only the record of the other one is kept/),
  );
  await giveRunBack(a, spec, first);
  await assert.rejects(
    takeRun(a, spec, asked("three")),
    refused(/busy/),
    "the end of the first does not end the second",
  );
  await recordProof(b, spec, second, proofOf("s2"));
  await assert.rejects(recordProof(a, spec, first, proofOf("s1")), refused(/another/));
  assert.deepEqual(await bases(), ["s2"]);
});

test("silent for longer, with nobody in its place: its record is kept", async () => {
  const { at, a, bases } = hosts();
  const run = await takeRun(a, spec, asked("one"));
  at.now += 5 * runHeldMs;
  await recordProof(a, spec, run, proofOf("s1"));
  assert.deepEqual(await bases(), ["s1"]);
});

test("one that failed without a record, and one whose agent has ended, are in nobody's way", async () => {
  const { a, b } = hosts();
  await giveRunBack(a, spec, await takeRun(a, spec, asked("one")));
  await takeRun(a, spec, asked("two"));
  await assert.rejects(takeRun(b, spec, asked("three")), refused(/busy/));
  b.states.set("two", "running");
  await assert.rejects(takeRun(b, spec, asked("three")), refused(/busy/));
  b.states.set("two", "failed");
  await takeRun(b, spec, asked("three"));
});

test("a clock that was wrong, and a cluster that had the name before, keep nobody from it", async () => {
  const { at, a, b } = hosts();
  at.now += 9 * 86_400_000;
  await takeRun(a, spec, asked("one"));
  at.now -= 9 * 86_400_000;
  await takeRun(b, spec, asked("two"));
  await takeRun(a, { ...spec, systemIdentifier: "8" }, asked("three"));
});

test("while it lasts it is kept, and ends as soon as another one has taken its place", async () => {
  const { at, a, b, warned } = hosts();
  const run = await takeRun(a, spec, asked("one"));
  const kept = keepRun(a, spec, run, 1);
  try {
    at.now += runHeldMs;
    const written = async () => (await readProofs(a.store)).get("shop")?.run?.until;
    while ((await written()) !== at.now + runHeldMs) await new Promise(setImmediate);
    await assert.rejects(takeRun(b, spec, asked("two")), refused(/busy/));
    kept.stop();
    at.now += runHeldMs;
    await takeRun(b, spec, asked("two"));
    const late = keepRun(a, spec, run, 1);
    await new Promise<void>((done) => late.signal.addEventListener("abort", () => done(), { once: true }));
    late.stop();
    assert.ok(refused(/another test restore/)(late.signal.reason));
    assert.equal(kept.signal.aborted, false);
    assert.deepEqual(warned, []);
  } finally {
    kept.stop();
  }
});
