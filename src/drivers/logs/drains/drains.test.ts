/** Drains with receivers that are real, and that fail in the ways that receivers do. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { startOtlpReceiver } from "../../../../tests/fixtures/otlp-receiver.ts";
import type { Drain, DrainRecord, DrainState } from "../../../domain/drain.ts";
import { memberStreams } from "../sources.ts";
import { otlpLogs, syslogMessage } from "./forms.ts";
import { pump } from "./pump.ts";
import { createSender } from "./send.ts";

let home: string;
let log: string;
let end: AbortController;
let state: DrainState | undefined;
const closers: (() => unknown)[] = [];
const pumps: Promise<void>[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "matriarch-drains-"));
  mkdirSync(join(home, "log"));
  log = join(home, "log", "1.json");
  writeFileSync(log, "");
  end = new AbortController();
  state = undefined;
});
afterEach(async () => {
  end.abort();
  await Promise.all(pumps.splice(0));
  for (const close of closers.splice(0)) await close();
  rmSync(home, { recursive: true, force: true });
});

const say = (message: string, path = log): void =>
  appendFileSync(
    path,
    `${JSON.stringify({ timestamp: "2026-11-22 03:00:00.000 UTC", error_severity: "LOG", pid: 7, message })}\n`,
  );

const drainTo = (to: string, more: Partial<Drain> = {}): Drain => ({
  id: "d1",
  version: "1",
  cluster: null,
  to,
  level: "info",
  ...more,
});

function start(drain: Drain, signal = end.signal): Promise<void> {
  const work = pump({
    drain,
    host: "here",
    sender: createSender(drain),
    positionFile: join(home, "place.json"),
    streams: () => memberStreams(home, "shop", "shop-1"),
    events: async (after) => ({ records: [], last: after ?? 0 }),
    changed: (now) => (state = now),
    signal,
    retryMs: { least: 10, most: 50 },
  });
  pumps.push(work);
  return work;
}

/** Waits for what another process or the loop brings about. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!holds()) {
    assert.ok(Date.now() < limit, `no ${what} within 30 s`);
    await sleep(10);
  }
}
const begun = () => until("place", () => existsSync(join(home, "place.json")));

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  return port;
}

describe("HTTP", () => {
  /** Answers as it is told, one answer a request, then 200. */
  async function receiver(answers: (number | "hang" | "close")[]) {
    const taken: string[] = [];
    const headers: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        const answer = answers.shift() ?? 200;
        headers.push(request.headers.authorization);
        if (answer === "close") return request.socket.destroy();
        if (answer === "hang") return undefined;
        if (answer === 200) for (const line of body.trim().split("\n")) taken.push(JSON.parse(line).message);
        response.writeHead(answer).end();
      });
    });
    closers.push(() => server.closeAllConnections());
    return { url: `http://127.0.0.1:${await listen(server)}/in`, taken, headers };
  }

  test("500, a closed connection and 429 are tried again; each line comes, in order, with the token", async () => {
    const { url, taken, headers } = await receiver([500, "close", 429]);
    void start(drainTo(url, { token: "s3cret" }));
    await begun();
    for (let i = 0; i < 1200; i += 1) say(`line ${i}`);
    await until("all lines", () => taken.length >= 1200);
    assert.deepEqual(
      taken,
      Array.from({ length: 1200 }, (_, i) => `line ${i}`),
    );
    assert.ok(headers.every((header) => header === "Bearer s3cret"));
    await until("count", () => state?.sent === 1200 && state.failing === undefined);
    assert.doesNotMatch(readFileSync(join(home, "place.json"), "utf8"), /s3cret/);
  });

  test("a restart in the middle: the next one goes on where the last was, and loses nothing", async () => {
    const { url, taken } = await receiver([]);
    const first = new AbortController();
    const ended = start(drainTo(url), first.signal);
    await begun();
    say("before");
    await until("the first line", () => taken.includes("before"));
    await until("its place", () => state?.sent === 1);
    first.abort();
    await ended;
    say("meanwhile");
    void start(drainTo(url));
    say("after");
    await until("the rest", () => taken.includes("after"));
    assert.deepEqual(taken, ["before", "meanwhile", "after"]);
  });

  test("its place cannot be written down: lines come all the same, once, and it is said; then it goes on", async () => {
    const { url, taken } = await receiver([]);
    void start(drainTo(url));
    await begun();
    mkdirSync(join(home, "place.json.new"));
    say("one");
    await until("the first line", () => taken.includes("one"));
    await until("its trouble", () => state?.failing !== undefined);
    assert.match(state?.failing?.reason ?? "", /cannot be written down: EISDIR/);
    say("two");
    await until("the second line", () => taken.includes("two"));
    rmSync(join(home, "place.json.new"), { recursive: true });
    say("three");
    await until("its end", () => state?.sent === 3 && state.failing === undefined);
    assert.deepEqual(taken, ["one", "two", "three"]);
  });

  test("what is removed before it was sent is counted, and what is left comes", async () => {
    const { url, taken } = await receiver(Array<number>(30).fill(503));
    void start(drainTo(url));
    await begun();
    say("first");
    await until("a failure", () => state?.failing !== undefined);
    assert.match(state?.failing?.reason ?? "", /answered 503/);
    const second = join(home, "log", "2.json");
    say("never sent", second);
    await until(
      "its note",
      () =>
        readFileSync(join(home, "place.json"), "utf8").includes(" shop-1 json") &&
        Object.keys(JSON.parse(readFileSync(join(home, "place.json"), "utf8")).unread).length === 2,
    );
    rmSync(second);
    say("last", join(home, "log", "3.json"));
    await until("the last line", () => taken.includes("last"));
    await until("the count", () => (state?.droppedBytes ?? 0) > 0);
    assert.deepEqual(taken, ["first", "last"]);
    assert.equal(state?.failing, undefined);
  });

  test("too much at once is sent in halves; one that is too much alone is refused and counted", async () => {
    const { url, taken } = await receiver([413, 413]);
    void start(drainTo(url));
    await begun();
    say("one");
    say("two");
    await until("the second", () => state !== undefined && state.sent + state.rejected === 2);
    assert.deepEqual([state?.sent, state?.rejected, taken], [1, 1, ["two"]]);
  });
});

test("a storm of lines and a receiver that hangs: the loop runs on", async (t) => {
  const server = createTcpServer(() => undefined);
  const port = await listen(server);
  void start(drainTo(`http://127.0.0.1:${port}/`));
  await begun();
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const lines = Array.from(
    { length: 500 },
    (_, i) => `{"timestamp":"2026-11-22 03:00:00.000 UTC","error_severity":"ERROR","message":"noise ${i}"}\n`,
  ).join("");
  const { appendFile } = await import("node:fs/promises");
  for (let turn = 0; turn < 100; turn += 1) {
    await appendFile(log, lines);
    await sleep(10);
  }
  clearInterval(timer);
  t.diagnostic(`longest pause of the loop: ${longest.toFixed(1)} ms`);
  assert.equal(state?.sent ?? 0, 0);
});

const record: DrainRecord = {
  at: "2026-11-22T03:00:00.000Z",
  host: "h 1",
  process: "postgres",
  level: "error",
  cluster: "shop",
  member: "shop-1",
  message: 'no "x"\nSTATEMENT',
  fields: { pid: "42", statement: 'select "a]b\\c"' },
};

test("forms: RFC 5424 and OTLP/JSON", () => {
  assert.equal(
    syslogMessage(record),
    '<131>1 2026-11-22T03:00:00.000Z h_1 postgres 42 shop-1 [matriarch@32473 cluster="shop" member="shop-1" pid="42" statement="select \\"a\\]b\\\\c\\""] no "x" STATEMENT',
  );
  const text = JSON.stringify(otlpLogs([record]));
  assert.match(text, /"timeUnixNano":"1795316400000000000"/);
  assert.match(text, /"severityNumber":17,"severityText":"ERROR"/);
});

test("OpenTelemetry: a receiver that others wrote takes what is sent, with the token, and finds all of it in its definitions", async () => {
  const receiver = await startOtlpReceiver();
  closers.push(() => receiver[Symbol.asyncDispose]());
  const to = `otlp+${receiver.url}`;
  void start(drainTo(to, { token: "s3cret" }));
  await begun();
  for (let i = 0; i < 600; i += 1) say(`line ${i}`);
  await until("all lines", () => receiver.records.length >= 600);
  assert.deepEqual(
    receiver.records.map(({ body }) => body.stringValue),
    Array.from({ length: 600 }, (_, i) => `line ${i}`),
  );
  const sender = createSender(drainTo(to));
  assert.equal(await sender.send([record]), 0);
  await until("the record", () => receiver.records.length > 600);
  const { attributes = [], severityNumber, timeUnixNano } = receiver.records.at(-1) ?? {};
  const found = Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));
  assert.deepEqual([severityNumber, timeUnixNano], [17, "1795316400000000000"]);
  assert.deepEqual(found, {
    "process": "postgres",
    "matriarch.cluster": "shop",
    "matriarch.member": "shop-1",
    "pid": "42",
    "statement": 'select "a]b\\c"',
  });
  assert.equal(receiver.headers[0]?.["authorization"], "Bearer s3cret");
});

const program = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"]
  .map((directory) => join(directory, "rsyslogd"))
  .find((path) => existsSync(path));

describe("rsyslog", { skip: program === undefined ? "no rsyslogd" : false }, () => {
  let child: ChildProcess;
  let port: number;
  const file = (): string => join(home, "received");

  beforeEach(async () => {
    const free = createTcpServer();
    port = await listen(free);
    free.close();
    await once(free, "close");
    const modules = existsSync(join(program ?? "", "../../lib/x86_64-linux-gnu/rsyslog"))
      ? ["-M", join(program ?? "", "../../lib/x86_64-linux-gnu/rsyslog")]
      : [];
    writeFileSync(
      join(home, "rsyslog.conf"),
      `global(workDirectory="${home}")
module(load="imtcp") module(load="imudp")
input(type="imtcp" port="${port}" address="127.0.0.1") input(type="imudp" port="${port}" address="127.0.0.1")
template(name="t" type="string" string="%pri% %app-name% %procid% %msgid% %structured-data% %msg%\\n")
*.* action(type="omfile" file="${file()}" template="t")
`,
    );
    child = spawn(program ?? "", ["-n", "-f", join(home, "rsyslog.conf"), "-i", join(home, "pid"), ...modules], {
      stdio: "ignore",
    });
    closers.push(async () => {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    });
    await until("rsyslog", () => existsSync(join(home, "pid")));
  });

  for (const over of ["tcp", "udp"] as const)
    test(`over ${over}: fields and message arrive as they were`, async () => {
      const sender = createSender(drainTo(`syslog+${over}://127.0.0.1:${port}`));
      const arrived = (): boolean => existsSync(file()) && readFileSync(file(), "utf8").includes("shop-1");
      const limit = Date.now() + 30_000;
      while (!arrived()) {
        assert.ok(Date.now() < limit, "nothing arrived");
        await sender.send([record]).catch(() => undefined);
        await sleep(100);
      }
      sender.close();
      const line = readFileSync(file(), "utf8").split("\n")[0] ?? "";
      assert.match(
        line,
        /^131 postgres 42 shop-1 \[matriarch@32473 cluster="shop".*statement="select .*"\] no "x" STATEMENT/,
      );
    });
});
