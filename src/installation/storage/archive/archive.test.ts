/** Gaps, the end of what nobody needs, and log from other hosts, on real directories. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { hostClock } from "../../../agent/clock.ts";
import { archivedFileRequestSchema } from "../../../contract/peer.ts";
import { committedBy, freeBytesMin, waitingBytesMax } from "../../../domain/archive.ts";
import { parseLsn } from "../../../domain/lsn.ts";
import { archiveDirectory } from "../../../drivers/postgres/archive/permit.ts";
import { parseSegmentName, segmentStart } from "../../../domain/wal-file.ts";
import { collectLog, offerLog, type CollectParts } from "./collect.ts";
import { completeSegments, gapsIn, oldestOn } from "./gaps.ts";
import { keepLogOf } from "./last-log.ts";
import { endOldLog } from "./retention.ts";

const segmentBytes = 16 * 2 ** 20;
const line = { before: [{ parent: 1, forkedAt: parseLsn("0/3000100") }], timeline: 2 };
const names = [
  "000000010000000000000001",
  "000000010000000000000002",
  "000000020000000000000003",
  "000000020000000000000004",
];
const [first = "", second = "", third = "", fourth = ""] = names;

test("what is complete on the line and is nowhere is a gap, named once with its length", () => {
  const to = parseLsn("0/5000028");
  const complete = completeSegments({ line, segmentBytes, from: parseLsn("0/1000028"), to });
  assert.deepEqual(complete, names);
  const has = (...there: readonly string[]) => gapsIn(complete, (name) => there.includes(name));
  assert.deepEqual(has(...names), []);
  assert.deepEqual(has(first, fourth), [{ first: second, last: third, segments: 2 }]);
  assert.deepEqual(has(second, fourth), [
    { first, last: first, segments: 1 },
    { first: third, last: third, segments: 1 },
  ]);
  assert.deepEqual(completeSegments({ line, segmentBytes, from: to, to }), [], "what is being written is no gap");
});

test("the oldest log of the line counts; of a branch that was left, or half, it does not", () => {
  const of = (...there: readonly string[]) => oldestOn(line, there, segmentBytes);
  assert.equal(of(), undefined);
  assert.equal(of(fourth, second, `${first}.partial`), parseLsn("0/2000000"));
  assert.equal(of("000000090000000000000001", third), parseLsn("0/3000000"));
});

test("the bounds: a tenth of the disk waits, a fiftieth stays free, within reason", () => {
  const gib = 2 ** 30;
  assert.deepEqual(
    [1, 100, 10_000].map((disk) => waitingBytesMax(disk * gib) / gib),
    [0.5, 10, 16],
  );
  assert.deepEqual(
    [1, 50, 10_000].map((disk) => freeBytesMin(disk * gib) / gib),
    [0.25, 1, 2],
  );
});

async function archiveIn(home: string, ...files: readonly string[]): Promise<string> {
  const directory = archiveDirectory(home, "shop", "42");
  await mkdir(directory, { recursive: true });
  for (const name of files) await writeFile(join(directory, name), `log of ${name}`);
  return directory;
}

test("log before the oldest snapshot's goes, histories stay, and without a snapshot the last day is kept", async (t) => {
  const directory = await archiveIn(
    await temporary(t),
    ...names,
    `${second}.partial`,
    "00000002.history",
    `.${first}.7`,
  );
  const left = async () => (await readdir(directory)).toSorted();
  const now = Date.now();
  const ending = { directory, segmentBytes, names, isCurrent: true, now };
  await endOldLog({ ...ending, needs: [] });
  assert.equal((await left()).length, 7, "it is of today");
  const all = [...names, `${second}.partial`, "00000002.history"];
  await endOldLog({ ...ending, names: all, needs: [parseLsn("0/4000028"), parseLsn("0/3000028")] });
  assert.deepEqual(await left(), [`.${first}.7`, "00000002.history", third, fourth]);
  await endOldLog({ ...ending, names: all, needs: [], now: now + 2 * 86_400_000 });
  assert.deepEqual(await left(), ["00000002.history"]);
  await endOldLog({ ...ending, names: all, needs: [], isCurrent: false });
  await assert.rejects(stat(dirname(directory)), "the last archive of that name has gone");
});

test("what this host lacks comes from the one that has it, once, and takes the place of nothing", async (t) => {
  const [here, there] = [await temporary(t), await temporary(t)];
  const archive = await archiveIn(here, first);
  const theirs = await archiveIn(there, first, second);
  await writeFile(join(theirs, first), "another");
  await utimes(join(theirs, second), 1000, 1000);
  const asked: string[] = [];
  const parts: CollectParts = {
    hosts: {
      self: { name: "a" },
      all: () => ["a", "b", "c"].map((name) => ({ name })),
      isHeard: (name) => name !== "c",
      call: async (host, { path, body }) => {
        asked.push(`${host} ${path}`);
        return await offerLog({ home: there }, archivedFileRequestSchema.parse(body));
      },
    },
    servers: { owner: undefined },
    log: { info: () => undefined },
    signal: new AbortController().signal,
  };
  await collectLog(parts, archive, [first, second, third]);
  assert.equal(await readFile(join(archive, first), "utf8"), `log of ${first}`);
  assert.equal(await readFile(join(archive, second), "utf8"), `log of ${second}`);
  assert.equal((await stat(join(archive, second))).mtimeMs, 1_000_000);
  assert.deepEqual((await readdir(archive)).toSorted(), [first, second]);
  assert.deepEqual(
    asked,
    Array.from({ length: 3 }, () => "b /v1/peer/archived-file"),
  );
});

test("the end of a log of a cluster that is gone is whole up to its end, however long before that it was written", async (t) => {
  const home = await temporary(t);
  const archive = await archiveIn(home, first);
  const wal = join(await temporary(t), "pg_wal");
  await mkdir(wal);
  for (const name of [first, second, third, fourth]) {
    // As a server writes it, and the last one as it is kept to be used again: of another place.
    const page = Buffer.alloc(16);
    page.writeBigUInt64LE(segmentStart(segmentOfName(name === fourth ? first : name), segmentBytes), 8);
    await writeFile(join(wal, name), page);
    await utimes(join(wal, name), 1000, 1000);
  }
  const now = 5_000_400;
  const clock = { ...hostClock, wallNow: () => now };
  const parts = { home, clock, servers: { owner: undefined } };
  await keepLogOf(parts, { name: "shop", systemIdentifier: "42" }, dirname(wal));
  assert.deepEqual((await readdir(archive)).toSorted(), [first, second, third]);
  assert.equal(await readFile(join(archive, first), "utf8"), `log of ${first}`, "what is there stays");
  assert.equal((await stat(join(archive, second))).mtimeMs, 1_000_000);
  const until = committedBy((await stat(join(archive, third))).mtimeMs);
  assert.ok(until >= now && until < now + 1000, `${until}`);
});

function segmentOfName(name: string): number {
  return parseSegmentName(name, segmentBytes)?.segment ?? 0;
}

test("a host is asked for files of an archive alone", () => {
  const good = { cluster: "shop", system_identifier: "42", name: first };
  assert.equal(archivedFileRequestSchema.safeParse(good).success, true);
  for (const bad of [
    { cluster: ".." },
    { system_identifier: "../.." },
    { name: "../permit" },
    { name: `${first}/../x` },
    { name: `.${first}` },
  ])
    assert.equal(archivedFileRequestSchema.safeParse({ ...good, ...bad }).success, false, JSON.stringify(bad));
});

async function temporary(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "matriarch-archive-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
