/** When epochs began, from real events; and how /history tells it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { clusterOf } from "../../core/testing.ts";
import type { ClusterRecord } from "../../domain/cluster.ts";
import { toLsn } from "../../domain/lsn.ts";
import { openEventFile } from "../../events/event-file.ts";
import { historyBody } from "./bodies.ts";
import { Turns } from "./turns.ts";

test("a timeline's line says when its holder began and who that was, once the event is here", () => {
  const home = mkdtempSync(join(tmpdir(), "matriarch-turns-"));
  const createdAt = Date.UTC(2026, 10, 1);
  let now = createdAt - 1000;
  let monotonic = 0;
  const file = openEventFile(join(home, "events.sqlite"), { now: () => now });
  try {
    const first = clusterOf();
    const fork = (id: number, epoch: number) => ({ id, parent: id - 1, forkedAt: toLsn(100n), epoch });
    const record: ClusterRecord = {
      ...first,
      spec: { ...first.spec, value: { ...first.spec.value, createdAt } },
      timelines: { ...first.timelines, value: [{ ...fork(1, 1), parent: null }, fork(2, 2), fork(3, 3)] },
    };
    const name = record.spec.value.name;
    const done = (epoch: number): void =>
      void file.events.emit(
        "switchover.done",
        { cluster: name, member: "b", epoch },
        { from: "a", to: "b", write_pause_ms: 1 },
      );
    done(3); // of one that had the name before
    now = createdAt + 5000;
    done(2);
    const turns = new Turns({ events: file.events, clock: { now: () => monotonic, wallNow: () => now } });
    const rows = () => historyBody(record, { turnOf: turns.of({ name, record }) });
    const at = new Date(now).toISOString();
    assert.deepEqual(rows(), [
      [1, 100, "epoch 2 began here", at, "b"],
      [2, 100, "epoch 3 began here"],
    ]);
    done(3);
    monotonic += 6000;
    assert.deepEqual(rows()[1], [2, 100, "epoch 3 began here", at, "b"]);
  } finally {
    file.close();
    rmSync(home, { recursive: true, force: true });
  }
});
