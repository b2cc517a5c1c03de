import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, describe, test } from "node:test";
import { eventForm } from "./event-form.ts";
import { openEventFile } from "./event-file.ts";

const directory = mkdtempSync(join(tmpdir(), "matriarch-event-file-"));
after(() => rmSync(directory, { recursive: true }));

/** As the version before several hosts left it: two events, an operation that runs, one that is done, one that failed. */
function oldFile(name: string): string {
  const path = join(directory, `${name}.sqlite`);
  const database = new DatabaseSync(path);
  database.exec(`${eventForm.migrations[0]}
    PRAGMA user_version = 1;
    PRAGMA application_id = ${eventForm.applicationId};
    INSERT INTO event (id, at, cluster, member, type, level, message, actor, details)
      VALUES (41, 5000, 'shop', 'shop-1', 'server.stopped', 'info', 'server "shop-1" stopped', 'matriarch', '{}'),
             (42, 4000, 'shop', NULL, 'cluster.stopped', 'info', 'cluster stopped', 'ada', '{}');
    INSERT INTO operation (id, kind, cluster, state, step, steps_done, steps_total, started_at, ended_at, by, result, error)
      VALUES ('one', 'create', 'shop', 'done', 'done', 3, 3, 100, 200, 'ada', '{"took_ms":812}', NULL),
             ('two', 'scale', 'shop', 'running', 'copying', 1, NULL, 300, NULL, 'ada', NULL, NULL),
             ('six', 'scale', 'shop', 'failed', 'copying', 1, 4, 300, 400, 'ada', NULL, '{"code":"busy","message":"m"}');`);
  database.close();
  return path;
}

describe("event file", () => {
  test("one of the form before several hosts keeps its events and operations, and their numbers go on", (t) => {
    const file = openEventFile(oldFile("embedded"), { now: () => 10_000 });
    t.after(() => file.close());
    const told = file.events.list({ limit: 10 }).map(({ id, at, type, host }) => [id, at, type, host]);
    assert.deepEqual(told, [
      [41, "1970-01-01T00:00:05.000Z", "server.stopped", null],
      [42, "1970-01-01T00:00:04.000Z", "cluster.stopped", null],
    ]);
    assert.equal(file.events.emit("cluster.started", { cluster: "shop" }), 43);
    assert.deepEqual(
      file.operations.list().map(({ id, state, step, steps_done }) => [id, state, step, steps_done]),
      [
        ["six", "failed", "copying", 1],
        ["two", "running", "copying", 1],
        ["one", "done", "done", 3],
      ],
    );
    assert.deepEqual(file.operations.get("one").result, { took_ms: 812 });
    assert.deepEqual(file.operations.get("six").error, { code: "busy", message: "m" });
    file.operations.step("two", "starting");
    file.operations.finish("two", { state: "done" });
    assert.deepEqual([file.operations.get("two").state, file.operations.get("two").steps_done], ["done", 2]);
    assert.deepEqual(file.journal.heads(), {});
  });

  test("one that becomes the file of a host is that host's, and can be handed on", (t) => {
    const file = openEventFile(oldFile("host"), { host: "h1" });
    t.after(() => file.close());
    assert.deepEqual(
      file.events.list({ limit: 10 }).map(({ host }) => host),
      ["h1", "h1"],
    );
    assert.deepEqual(
      file.operations.list({ state: "running", host: "h1" }).map(({ id }) => id),
      ["two"],
    );
    const { rows, head } = file.journal.read("h1", 0, 100);
    assert.deepEqual([rows.length, head, file.journal.heads()], [7, 42, { h1: 42 }]);
  });
});
