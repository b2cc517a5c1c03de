/** What the observer learns from a server's log is the same in jsonlog and in plain text. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { tellsNoRoom } from "../../../errors/full-disk.ts";
import { lastWordsIn, ServerLog, tellsDamage, tellsDivergence, tellsMissingWal } from "./server-log.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "matriarch-log-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const forms = {
  "a.log": (severity: string, message: string) => `2026-11-22 03:00:00 UTC [1] ${severity}:  ${message}\n`,
  "a.json": (error_severity: string, message: string) => `${JSON.stringify({ pid: 1, error_severity, message })}\n`,
};

for (const [name, form] of Object.entries(forms)) {
  test(`${name}: damage, no room, last words, divergence, missing log`, async () => {
    const path = join(directory, name);
    const said = async (severity: string, message: string): Promise<string> => {
      writeFileSync(path, form("LOG", "PANIC before"));
      const log = new ServerLog(directory);
      assert.equal(await log.news(), "", "what is old is no news");
      appendFileSync(path, form(severity, message));
      return log.news();
    };
    const file = 'could not open file "base/5/1259": No such file or directory';
    assert.ok(tellsDamage(await said("FATAL", file)));
    assert.equal(lastWordsIn(await said("PANIC", file)), file);
    assert.ok(tellsDamage(await said("PANIC", "WAL contains references to invalid pages")));
    assert.ok(tellsNoRoom(await said("PANIC", 'could not write to file "pg_wal/xlogtemp.1": No space left on device')));
    const killed = "checkpointer process (PID 7) was terminated by signal 9: Killed";
    assert.equal(lastWordsIn(await said("LOG", killed)), killed);
    assert.equal(lastWordsIn(await said("FATAL", "terminating connection due to administrator command")), undefined);
    assert.ok(
      tellsMissingWal(
        await said(
          "FATAL",
          "could not receive data from WAL stream: ERROR:  requested WAL segment 0001 has already been removed",
        ),
      ),
    );
    assert.ok(
      tellsDivergence(
        await said("FATAL", "requested starting point 0/3 on timeline 2 is not in this server's history"),
      ),
    );
  });
}
