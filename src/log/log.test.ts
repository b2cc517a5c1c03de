import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { OpError } from "../errors/op-error.ts";
import { logTo, openLogFile } from "./log.ts";

const directory = mkdtempSync(join(tmpdir(), "matriarch-log-"));
after(() => rmSync(directory, { recursive: true }));

function lines(path: string): readonly Record<string, unknown>[] {
  if (!existsSync(path) || statSync(path).size === 0) return [];
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line): Record<string, unknown> => JSON.parse(line));
}

describe("log", () => {
  test("a full disk takes lines, and nothing else", { skip: existsSync("/dev/full") ? false : "no /dev/full" }, () => {
    const { log, close } = openLogFile({ path: "/dev/full" });
    for (let n = 0; n < 3; n += 1) log.info("not written");
    assert.doesNotThrow(close);
  });

  test("a line is a constant message with fields; those of `with` are in every line", () => {
    const written: string[] = [];
    const log = logTo({ write: (line) => written.push(line) }, "info").with({ member: "shop-1" });
    log.debug("not shown");
    log.info("server started", { pid: 42, at_lsn: 7n });
    const { time, ...rest } = JSON.parse(written[0] ?? "");
    assert.deepEqual(rest, { level: "info", member: "shop-1", pid: 42, at_lsn: "7", msg: "server started" });
    assert.match(time, /^\d{4}-\d\d-\d\dT/);
    assert.equal(written.length, 1);
  });

  test("an error is told with code, detail and causes, and without secrets", () => {
    const written: string[] = [];
    const error = new OpError("engine-failed", {
      message: "psql postgres://app:hunter22@db failed",
      detail: "password=hunter22",
      cause: new Error("inner PASSWORD 'hunter22'"),
    });
    logTo({ write: (line) => written.push(line) }).error("could not ask", { error, password: "hunter22" });
    const line = JSON.parse(written[0] ?? "");
    assert.equal(line.error.code, "engine-failed");
    assert.match(line.error.cause.message, /inner/);
    assert.equal(line.password, "***");
    assert.ok(!written.join().includes("hunter22"));
  });

  test("the file is private and is rotated by size; no line is lost within what is kept", () => {
    const path = join(directory, "deep", "agent.log");
    const { log, close } = openLogFile({ path, bytesMax: 1000, kept: 2 });
    for (let n = 0; n < 25; n++) log.info("line", { n });
    close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.ok(statSync(path).size <= 1000 && statSync(`${path}.1`).size <= 1000);
    assert.ok(!existsSync(`${path}.3`));
    const numbers = [`${path}.2`, `${path}.1`, path].flatMap(lines).map((line) => line["n"]);
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, i) => 25 - numbers.length + i),
    );
    assert.ok(numbers.length >= 20);
  });

  test("an existing file is continued, and its size counts", () => {
    const path = join(directory, "again.log");
    for (const n of [1, 2]) {
      const { log, close } = openLogFile({ path, bytesMax: 150, kept: 1 });
      log.info("line", { n, pad: "x".repeat(60) });
      close();
    }
    assert.deepEqual(
      [...lines(`${path}.1`), ...lines(path)].map((line) => line["n"]),
      [1, 2],
    );
  });
});
