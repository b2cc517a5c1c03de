/** What is done about backups without being asked, on a clock of the test's own: turns, trouble that is told once, its end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterOf } from "../../core/testing.ts";
import { defaultBackupPolicy, type BackupKind } from "../../domain/backup.ts";
import { dailyAtMs } from "../../domain/snapshot.ts";
import type { RepositoryLook } from "../../drivers/pgbackrest/port.ts";
import { BackupCare, type CareParts, type Trouble } from "./care.ts";
import { segmentStart } from "../../domain/wal-file.ts";
import { gapsOf, missingOf, type Filled, type RepositoryGap } from "./fill.ts";
import type { Found } from "./stanza.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const start = 20_000 * dayMs + dailyAtMs("shop") + 60_000;
const repository = {
  number: 1,
  place: { kind: "path", path: "/r" },
  encrypted: false,
  escrow: false,
  secrets: "s",
} as const;
const backups = { stanza: "shop", repositories: [repository], policy: defaultBackupPolicy };

const whole = { isWhole: true, problems: new Map(), gaps: new Map() };
const lacking = { ...whole, isWhole: false };

function segment(number: number): string {
  return `00000001000000000000000${number}`;
}

function caring(change: Partial<CareParts> = {}) {
  const at = {
    now: start,
    problem: false,
    stuck: false,
    busy: false,
    system: "7",
    looks: 0,
    behind: [] as 1[],
    writes: segment(1),
  };
  const taken: { kind: BackupKind; startedAt: number; from: string }[] = [];
  const said: string[] = [];
  const told = new Set<Trouble>();
  const record = clusterOf({ spec: { name: "shop", systemIdentifier: "7", createdAt: start, backups } });
  const look = (): RepositoryLook => ({
    number: 1,
    isEmpty: false,
    problem: at.problem ? { kind: "unreachable", text: "nobody answers" } : undefined,
    databases: at.problem ? [] : [{ systemIdentifier: at.system, major: 15, archive: "15-1" }],
    newestSegment: undefined,
    backups: taken.map(({ kind, startedAt, from }) => ({
      label: String(startedAt),
      repository: 1,
      kind,
      startedAt,
      endedAt: startedAt,
      bytes: 1,
      ownBytes: 1,
      repositoryBytes: 1,
      wal: { from, to: from },
      lsn: { from: "0/0", to: "0/0" },
      full: "",
      needs: [],
      systemIdentifier: "7",
      major: 15,
      hasBadPages: false,
      lockedUntil: undefined,
      proof: undefined,
      operation: undefined,
      spec: undefined,
    })),
  });
  const found = { name: "shop", spec: record.spec.value, wish: backups, systemIdentifier: "7" };
  const care = new BackupCare({
    records: () => [record],
    isOurs: () => true,
    wallNow: () => at.now,
    look: async () => ((at.looks += 1), { found: { ...found, ...unused }, looks: [look()] }),
    fill: async () => whole,
    behind: async () => at.behind,
    adopt: async () => void said.push("adopted"),
    isStuck: async () => at.stuck,
    isBusy: () => at.busy,
    begin: async (_cluster, _number, kind) => {
      said.push(kind);
      taken.push({ kind, startedAt: at.now, from: at.writes });
      told.delete("overdue");
    },
    tell: {
      isTold: (_cluster, trouble) => told.has(trouble),
      begun: (_cluster, trouble, _number, reason) => void (told.add(trouble), said.push(`${trouble} ${reason}`.trim())),
      over: (_cluster, trouble) => void (told.delete(trouble), said.push(`${trouble} over`)),
      gap: (_cluster, _number, { first }) => void said.push(`lacks ${first}`),
    },
    failed: (_cluster, error) => assert.fail(String(error)),
    ...change,
  });
  const pass = async (ms: number, everyMs = 600_000): Promise<void> => {
    for (const end = at.now + ms; at.now < end; at.now += everyMs) await care.look();
  };
  return { care, at, said, pass };
}

test("what the primary before left is pushed, and asked for again until nothing is missing", async () => {
  const answers = [lacking, lacking, whole];
  const { pass } = caring({ fill: async () => answers.shift() ?? assert.fail("asked though nothing was missing") });
  await pass(hourMs);
  assert.deepEqual(answers, []);
});

test("one that the log goes on without is given what it lacks as soon as it answers, and told of when it takes it not", async () => {
  const problems: string[] = [];
  let fills = 0;
  const fill: CareParts["fill"] = async () => {
    fills += 1;
    const [text] = problems;
    return text === undefined ? whole : { ...lacking, problems: new Map([[1, text]]) };
  };
  const { at, said, pass } = caring({ fill });
  await pass(hourMs);
  assert.equal(fills, 1);
  at.behind = [1];
  at.problem = true;
  await pass(600_000, 10_000);
  assert.equal(fills, 1, "it does not answer");
  at.problem = false;
  problems.push("it has another file of this name");
  await pass(20_000, 10_000);
  assert.equal(fills, 3);
  problems.pop();
  await pass(10_000, 10_000);
  at.behind = [];
  await pass(hourMs);
  assert.equal(fills, 4);
  assert.deepEqual(said, ["full", "lost nobody answers", "lost over"]);
});

const gap = { first: segment(3), last: segment(4), segments: 2, isLetGo: true };

function lackingFor(gaps: readonly RepositoryGap[]): Filled {
  return { ...lacking, gaps: new Map(gaps.length === 0 ? [] : [[1, gaps]]) };
}

test("what nobody has any more is told, a backup begins behind it, and it is asked for no more", async () => {
  let fills = 0;
  const { at, said, pass } = caring({ fill: async () => ((fills += 1), lackingFor([gap])) });
  at.writes = segment(2);
  await pass(600_000, 10_000);
  assert.equal(fills, 1);
  assert.deepEqual(said, [`lacks ${gap.first}`, "full"], "it began before the gap");
  at.writes = segment(5);
  await pass(hourMs);
  assert.deepEqual(said, [`lacks ${gap.first}`, "full", "incremental"]);
});

test("one that is pushed to again before it has taken all that it lacks is asked again", async () => {
  const answers = [whole, { ...lacking, problems: new Map([[1, "it is slow"]]) }, lacking, whole];
  const caringNow = caring({
    fill: async () => {
      // As the first step of filling does.
      caringNow.at.behind = [];
      return answers.shift() ?? assert.fail("asked though nothing was missing");
    },
  });
  await caringNow.pass(60_000, 10_000);
  assert.equal(answers.length, 3);
  caringNow.at.behind = [1];
  await caringNow.pass(hourMs, 10_000);
  assert.deepEqual(answers, []);
  assert.deepEqual(caringNow.said, ["full", "lost it is slow", "lost over"]);
});

test("what somebody may still bring is waited for, and told when nobody has", async () => {
  let fills = 0;
  const { at, said, pass } = caring({ fill: async () => ((fills += 1), lackingFor([{ ...gap, isLetGo: false }])) });
  at.writes = segment(5);
  await pass(140_000, 10_000);
  assert.deepEqual([said, fills], [["full"], 14]);
  await pass(hourMs, 10_000);
  assert.deepEqual([said, fills], [["full", `lacks ${gap.first}`], 16]);
});

test("gaps are what the line leads through, from the newest full backup on; let go is what the archive begins behind", () => {
  const there = new Set([1, 3, 6].map(segment));
  const line = { before: [], timeline: 1 };
  const wanted = { line, segmentBytes: 16 << 20, since: undefined };
  const kept = new Set([5, 6].map(segment));
  assert.deepEqual(gapsOf(there, kept, { ...wanted, since: segment(3) }), [
    { first: segment(4), last: segment(5), segments: 2, isLetGo: false },
  ]);
  assert.deepEqual(
    gapsOf(there, kept, wanted).map(({ first, isLetGo }) => [first, isLetGo]),
    [
      [segment(2), true],
      [segment(4), false],
    ],
  );
  // Lost between two timelines: no file of either lies behind it on its own.
  const later = { before: [{ parent: 1, forkedAt: segmentStart(5, 16 << 20) }], timeline: 2 };
  const fork = new Set([segment(3), "000000020000000000000006"]);
  assert.deepEqual(gapsOf(fork, new Set(), { ...wanted, line: later }), [
    { first: segment(4), last: "000000020000000000000005", segments: 2, isLetGo: false },
  ]);
  assert.deepEqual(gapsOf(new Set(), kept, wanted), []);
});

test("missing are histories, and segments from the repository's first on, whatever their timeline", () => {
  const sum = "a".repeat(40);
  const listed = [`x/000000010000000000000003-${sum}.zst`, `x/000000020000000000000006-${sum}.zst`, "00000002.history"];
  const kept = [
    "000000010000000000000002",
    "000000010000000000000003",
    "000000010000000000000004",
    "00000003.history",
    "000000020000000000000005.partial",
    "000000020000000000000006",
  ];
  assert.deepEqual(missingOf(listed, kept, 16 << 20), ["000000010000000000000004", "00000003.history"]);
});

/** Nothing of these is asked by the care itself. */
const unused: Pick<Found, "stanza" | "driver"> = JSON.parse("{}");

test("a full backup at once, a smaller one each day, nothing in between", async () => {
  const { said, pass } = caring();
  await pass(hourMs);
  assert.deepEqual(said, ["full"]);
  await pass(2 * dayMs);
  assert.deepEqual(said, ["full", "incremental", "incremental"]);
});

test("a repository that is lost is told once, asked again at each look, and told when it is back", async () => {
  const { at, said, pass } = caring();
  await pass(hourMs);
  at.problem = true;
  at.stuck = true;
  await pass(hourMs);
  assert.deepEqual(said, ["full", "lost nobody answers"]);
  at.problem = false;
  await pass(hourMs);
  assert.deepEqual(said, ["full", "lost nobody answers", "lost over"]);
});

test("two turns without a backup are told once, and the missed one is caught up", async () => {
  const { at, said, pass } = caring();
  await pass(hourMs);
  at.problem = true;
  await pass(3 * dayMs);
  assert.deepEqual(said, ["full", "lost nobody answers", "overdue"]);
  at.problem = false;
  await pass(hourMs);
  assert.deepEqual(said.slice(3), ["lost over", "incremental"]);
});

test("one that fails is tried again after a quarter of an hour", async () => {
  const begun: number[] = [];
  const { at, pass } = caring({ begin: async () => void begun.push(at.now) });
  await pass(hourMs, 60_000);
  const gaps = begun.slice(1).map((one, index) => (one - (begun[index] ?? 0)) / 60_000);
  assert.ok(gaps.length >= 2 && gaps.every((gap) => gap >= 15 && gap <= 20), gaps.join());
});

test("nothing is asked while something runs, of others' clusters, or of one that is well and was just asked", async () => {
  const { at, said, pass } = caring();
  at.busy = true;
  await pass(hourMs);
  assert.deepEqual([said, at.looks], [[], 0]);
  const others = caring({ isOurs: () => false });
  await others.pass(hourMs);
  assert.equal(others.at.looks, 0);
  const well = caring();
  await well.pass(hourMs, 10_000);
  assert.ok(well.at.looks <= 14, `${well.at.looks} looks in an hour`);
});

test("a cluster with another identity than its place in the repository is adopted before anything is taken", async () => {
  const { at, said, pass } = caring();
  at.system = "8";
  await pass(600_000);
  assert.deepEqual(said, ["adopted"]);
  at.system = "7";
  await pass(600_000);
  assert.deepEqual(said, ["adopted", "full"]);
});
