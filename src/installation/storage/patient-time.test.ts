/** Time by which things are destroyed, under clocks that jump. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { PatientTime } from "./patient-time.ts";

const hour = 3_600_000;
const day = 24 * hour;

async function clockOf(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "patient-"));
  t.after(() => rm(directory, { recursive: true }));
  const clock = { mono: 0, wall: 1000 * day, now: () => clock.mono, wallNow: () => clock.wall };
  const jumps: number[] = [];
  const made = () =>
    new PatientTime({ clock, file: join(directory, "seen"), jumped: (ms) => void jumps.push(Math.round(ms / day)) });
  const passes = (ms: number): void => {
    clock.mono += ms;
    clock.wall += ms;
  };
  return { clock, jumps, made, passes };
}

test("a clock that goes right is followed exactly", async (t) => {
  const { clock, jumps, made, passes } = await clockOf(t);
  const time = made();
  for (let n = 0; n < 3; n += 1) {
    assert.equal(await time.now(), clock.wall);
    passes(hour);
  }
  assert.deepEqual(jumps, []);
});

test("a clock that jumps years ahead is followed a day in an hour, told once, and forgotten when it is put right", async (t) => {
  const { clock, jumps, made, passes } = await clockOf(t);
  const time = made();
  const began = await time.now();
  clock.wall += 3650 * day;
  assert.equal(await time.now(), began);
  passes(hour);
  assert.equal(await time.now(), began + day);
  clock.wall -= 3650 * day;
  assert.equal(await time.now(), clock.wall);
  passes(hour);
  assert.equal(await time.now(), clock.wall);
  assert.deepEqual(jumps, [3650]);
});

test("nor is a jump between two agents believed, or after the host was off", async (t) => {
  const { clock, jumps, made, passes } = await clockOf(t);
  const began = await made().now();
  clock.wall += 3 * day;
  const next = made();
  assert.equal(await next.now(), began);
  passes(2 * hour);
  assert.equal(await next.now(), began + 2 * day);
  passes(2 * hour);
  assert.equal(await next.now(), clock.wall);
  assert.deepEqual(jumps, [3]);
});
