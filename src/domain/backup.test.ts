/** When backups are due, and which may go: by hand, and as properties over histories. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { defaultBackupPolicy, dueBackup, expiredFulls, fullsWithLog, nextTurnAt, type Backup } from "./backup.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const policy = defaultBackupPolicy;
const jitterMs = 3 * hourMs;
const start = 20_000 * dayMs + jitterMs;

function backup(day: number, change: Partial<Backup> = {}): Backup {
  const startedAt = start + day * dayMs;
  const label = change.label ?? `full-${day}`;
  return { ...base, label, full: label, startedAt, endedAt: startedAt + hourMs, ...change };
}

test("the first is full, then one in between each day, and full again after a week", () => {
  const taken: Pick<Backup, "kind" | "startedAt">[] = [];
  for (let hour = 0; hour < 15 * 24; hour += 1) {
    const now = start + hour * hourMs + 60_000;
    const kind = dueBackup({ policy, jitterMs, now }, taken);
    if (kind) taken.push({ kind, startedAt: now });
  }
  const kinds = taken.map(({ kind }) => (kind === "full" ? "F" : "i")).join("");
  assert.equal(kinds, "FiiiiiiFiiiiiiF");
});

test("a missed turn is caught up once, and a clock that went ahead keeps none away", () => {
  const full = { kind: "full", startedAt: start } as const;
  assert.equal(dueBackup({ policy, jitterMs, now: start + hourMs }, [full]), undefined);
  assert.equal(dueBackup({ policy, jitterMs, now: start + 3.5 * dayMs }, [full]), "incremental");
  const caughtUp = { kind: "incremental", startedAt: start + 3.5 * dayMs } as const;
  assert.equal(dueBackup({ policy, jitterMs, now: start + 3.6 * dayMs }, [full, caughtUp]), undefined);
  assert.equal(dueBackup({ policy, jitterMs, now: start + 30 * dayMs }, [full, caughtUp]), "full");
});

test("the next turn is ahead, and not by more than the time between two", () => {
  for (const ahead of [0, 1, hourMs, dayMs - 1]) {
    const next = nextTurnAt(start + ahead, policy, jitterMs);
    assert.ok(next > start + ahead && next <= start + ahead + dayMs);
  }
});

test("a full one goes when neither days nor counts nor a lock need it", () => {
  const weekly = [0, 7, 14, 21, 28].map((day) => backup(day));
  const now = start + 30 * dayMs;
  // 16 days back is between the third and the fourth: the third is needed, and those before it are not.
  assert.deepEqual(expiredFulls(weekly, policy, now), ["full-0", "full-7"]);
  assert.deepEqual(expiredFulls(weekly, { ...policy, keptFulls: 4 }, now), ["full-0"]);
  assert.deepEqual(expiredFulls(weekly, { ...policy, keptDays: 60 }, now), []);
  const locked = weekly.map((one) => (one.label === "full-0" ? { ...one, lockedUntil: now + dayMs } : one));
  assert.deepEqual(expiredFulls(locked, policy, now), ["full-7"]);
  assert.deepEqual(expiredFulls(locked, policy, now + 2 * dayMs), ["full-0", "full-7"]);
  const child = backup(8, { label: "child", full: "full-7", kind: "incremental", lockedUntil: now + dayMs });
  assert.deepEqual(expiredFulls([...weekly, child], policy, now), ["full-0"]);
});

test("property: what stays can restore every moment of the days that are promised, and enough full ones stay", () => {
  const days = fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(days, fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 6 }), (at, keptDays, keptFulls) => {
      const all = at.map((day) => backup(day));
      const now = start + 201 * dayMs;
      const own = { ...policy, keptDays, keptFulls };
      const gone = new Set(expiredFulls(all, own, now));
      const left = all.filter(({ label }) => !gone.has(label)).toSorted((a, b) => a.startedAt - b.startedAt);
      assert.ok(left.length >= Math.min(keptFulls, all.length));
      const since = now - keptDays * dayMs;
      const couldBefore = all.some(({ endedAt }) => endedAt <= since);
      if (couldBefore) assert.ok(left.some(({ endedAt }) => endedAt <= since));
      // The log reaches back as far as those days do.
      const withLog = left.slice(-fullsWithLog(all, own, now));
      if (couldBefore) assert.ok(withLog.some(({ endedAt }) => endedAt <= since));
    }),
  );
});

const base: Backup = {
  label: "",
  repository: 1,
  kind: "full",
  startedAt: 0,
  endedAt: 0,
  bytes: 1,
  ownBytes: 1,
  repositoryBytes: 1,
  wal: { from: "", to: "" },
  lsn: { from: "0/0", to: "0/0" },
  full: "",
  needs: [],
  systemIdentifier: "1",
  major: 15,
  hasBadPages: false,
  lockedUntil: undefined,
  proof: undefined,
  operation: undefined,
  spec: undefined,
};
