/** Logs as they are read: the newest, what came since, over rotation, and a storm that must not hold up the loop. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { readNewest, readSince } from "./read.ts";
import { removeOldLogs, turnOver } from "./retention.ts";
import { memberStreams, processStreams } from "./sources.ts";

let home: string;
const at = (second: number): string => `2026-11-22 03:00:${String(second).padStart(2, "0")}.000 UTC`;
const line = (second: number, message: string, severity = "LOG"): string =>
  `${JSON.stringify({ timestamp: at(second), pid: 1, error_severity: severity, message })}\n`;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "matriarch-logs-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** @param age seconds since it was written */
function write(member: string, name: string, text: string, age = 0): string {
  const path = join(home, member, "log", name);
  rmSync(path, { force: true });
  writeFileSync(path, text, { flag: "a" });
  const time = Date.now() / 1000 - age;
  utimesSync(path, time, time);
  return path;
}

const members = async (...ids: string[]) =>
  (await Promise.all(ids.map((id) => memberStreams(join(home, id), "shop", id)))).flat();
const messages = (records: readonly { readonly message: string }[]): readonly string[] =>
  records.map(({ message }) => message);

async function makeMembers(...ids: string[]): Promise<void> {
  const { mkdir } = await import("node:fs/promises");
  for (const id of ids) await mkdir(join(home, id, "log"), { recursive: true });
}

test("two members, jsonlog and text: merged by time, the newest of all, over several files", async () => {
  await makeMembers("a", "b");
  write("a", "postgresql-1.json", line(1, "one") + line(3, "three"), 20);
  write("a", "postgresql-2.json", line(5, "five"), 10);
  write("b", "postgresql-Mon.log", `${at(2)} [7] LOG:  two\n${at(4)} [7] LOG:  four\n`, 10);
  const { records } = await readNewest(await members("a", "b"), {}, 4);
  assert.deepEqual(messages(records), ["two", "three", "four", "five"]);
});

test("filters: weight, text in a field, from and to", async () => {
  await makeMembers("a");
  write("a", "1.json", line(1, "one") + line(2, "two", "ERROR") + line(3, "Three", "FATAL") + line(4, "four"));
  const found = async (filter: Parameters<typeof readNewest>[1]) =>
    messages((await readNewest(await members("a"), filter, 100)).records);
  assert.deepEqual(await found({ level: "error" }), ["two", "Three"]);
  assert.deepEqual(await found({ grep: "three" }), ["Three"]);
  assert.deepEqual(await found({ since: "2026-11-22T03:00:02.000Z", until: "2026-11-22T03:00:04.000Z" }), [
    "two",
    "Three",
  ]);
});

test("following: half a line waits, a new file follows, and one that is gone is passed over", async () => {
  await makeMembers("a");
  const first = write("a", "1.json", line(1, "old") + line(2, "half").slice(0, 20), 20);
  let { cursor } = await readNewest(await members("a"), {}, 0);
  const next = async () => {
    const page = await readSince(await members("a"), cursor, {});
    cursor = { ...cursor, ...page.cursor };
    return messages(page.records);
  };
  appendFileSync(first, line(2, "half").slice(20));
  assert.deepEqual(await next(), ["half"]);
  appendFileSync(first, line(3, "last of the first"));
  const time = Date.now() / 1000 - 10;
  utimesSync(first, time, time);
  write("a", "2.json", line(4, "second"), 5);
  write("a", "3.json", line(5, "third"));
  assert.deepEqual(await next(), ["last of the first", "second", "third"]);
  assert.deepEqual(await next(), []);
  rmSync(join(home, "a", "log", "3.json"));
  rmSync(first);
  rmSync(join(home, "a", "log", "2.json"));
  write("a", "4.json", line(6, "fourth"));
  assert.deepEqual(await next(), ["fourth"]);
});

test("following over a rename, as the agent's own log turns over, and over one that is emptied", async () => {
  const path = join(home, "agent.log");
  const say = (message: string) =>
    appendFileSync(path, `{"level":"info","time":"2026-11-22T03:00:00.000Z","msg":"${message}"}\n`);
  say("before");
  let { cursor } = await readNewest(await processStreams(home), {}, 0);
  const next = async () => {
    const page = await readSince(await processStreams(home), cursor, {});
    cursor = { ...cursor, ...page.cursor };
    return messages(page.records);
  };
  say("unread");
  renameSync(path, `${path}.1`);
  const time = Date.now() / 1000 - 10;
  utimesSync(`${path}.1`, time, time);
  say("after");
  assert.deepEqual(await next(), ["unread", "after"]);
  writeFileSync(path, "");
  say("new");
  assert.deepEqual(await next(), ["new"]);
});

test("a line longer than what is read at once is told of and left out, from both ends", async () => {
  await makeMembers("a");
  const path = write("a", "1.json", line(1, "before"));
  const { cursor } = await readNewest(await members("a"), {}, 0);
  appendFileSync(path, line(2, "x".repeat(700_000)) + line(3, "after"));
  const since = await readSince(await members("a"), cursor, {}, 10);
  const told = messages(since.records).toSorted();
  assert.equal(told.length, 2);
  assert.match(told.join(), /^\(a line of 700\d{3} bytes is left out\),after$/);
  assert.deepEqual(messages((await readNewest(await members("a"), {}, 10)).records), ["before", "after"]);
});

test("a storm: memory and answers are bounded, and the loop runs meanwhile", async (t) => {
  await makeMembers("a");
  const text = Array.from({ length: 200_000 }, (_, i) => line(i % 60, `noise ${i}`)).join("");
  write("a", "1.json", text);
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const page = await readSince(await members("a"), {}, {});
  clearInterval(timer);
  assert.ok(page.hasMore);
  assert.ok(page.records.length < 20_000);
  t.diagnostic(`longest pause of the loop: ${longest.toFixed(1)} ms`);
  const found = await readNewest(await members("a"), { grep: "noise 17" }, 5);
  assert.equal(found.records.length, 5);
});

test("old files go by age, then by size; the one that is written stays, and an appender's is turned over", async () => {
  await makeMembers("a");
  write("a", "1.json", "x".repeat(100), 10 * 86_400);
  write("a", "2.json", "x".repeat(100), 20);
  write("a", "3.json", "x".repeat(100), 10);
  write("a", "4.json", "x".repeat(100), 0);
  const names = async () => (await members("a")).flatMap(({ files }) => files.map(({ path }) => path.slice(-6)));
  await removeOldLogs(await members("a"), { days: 7, bytes: 1000 }, Date.now());
  assert.deepEqual(await names(), ["2.json", "3.json", "4.json"]);
  await removeOldLogs(await members("a"), { days: 7, bytes: 250 }, Date.now());
  assert.deepEqual(await names(), ["3.json", "4.json"]);
  await removeOldLogs(await members("a"), { days: 7, bytes: 1 }, Date.now());
  assert.deepEqual(await names(), ["4.json"]);
  writeFileSync(join(home, "etcd.log"), "x".repeat(5 * 1024 * 1024));
  const file = (await processStreams(home)).find(({ origin }) => origin.process === "etcd")?.files.at(-1);
  assert.ok(file && (await turnOver(file)));
  const sizes = (await processStreams(home)).flatMap(({ files }) => files.map(({ size }) => size));
  assert.deepEqual(
    sizes.toSorted((a, b) => a - b),
    [0, 5 * 1024 * 1024],
  );
});
