/** What is kept of a cluster, on a terminal of 80 columns. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { backupsSchema } from "../../contract/backups.ts";
import { snapshotsSchema } from "../../contract/storage.ts";
import { renderBackups, renderRepositories } from "./backups.ts";
import { noPaint } from "./paint.ts";
import { renderSnapshots } from "./snapshots.ts";

const at = "2026-11-21T22:53:01.000Z";

function fits(text: string): readonly string[] {
  const lines = text.split("\n");
  for (const line of lines) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  return lines;
}

test("snapshots: nothing is wider than the terminal, and hosts are told where there are several", () => {
  const snapshot = {
    id: "shop-20261121T225301Z-3f0a",
    cluster: "shop",
    member: "shop-2",
    host: "a",
    taken_at: at,
    took_ms: 1000,
    by: "matriarch",
    why: "before-restore",
    how: "backup-mode",
    role: "standby",
    timeline: 1,
    version: "18.4",
    size_bytes: 187_000_000,
    own_bytes: 1_200_000_000,
    kept_until: "2026-11-26T22:53:01.000Z",
    is_current: true,
    start: null,
    system_identifier: "7",
  };
  const policy = { daily: true, kept_days: 5, next_at: at };
  const of = (...hosts: readonly string[]) => {
    const snapshots = hosts.map((host) => ({ ...snapshot, host }));
    return fits(renderSnapshots("shop", snapshotsSchema.parse({ snapshots, policy, missing: [] }), noPaint));
  };
  assert.doesNotMatch(of("a", "a").join("\n"), /HOST/);
  assert.match(of("a", "b")[0] ?? "", /^SNAPSHOT +HOST +BY/);
});

test("backups: a table for each repository, locks below; repositories as lines, wherever they are", () => {
  const repository = {
    number: 1,
    kind: "s3",
    to: "s3://backups-of-the-shop/production",
    encrypted: true,
    escrow: true,
    problem: null,
    newest_segment: "000000010000000000000002",
    archived_until: at,
    backups: 1,
    newest_backup_at: at,
    is_overdue: false,
  };
  const backup = {
    label: "20261121-225301F_20261122-225301D",
    repository: 1,
    kind: "differential",
    started_at: at,
    ended_at: at,
    size_bytes: 187_000_000,
    own_bytes: 1_200_000,
    wal: { from: "000000010000000000000002", to: "000000010000000000000003" },
    lsn: { from: "0/2000028", to: "0/3000028" },
    needs: [],
    version: 18,
    has_bad_pages: false,
    locked_until: "2027-01-01T00:00:00.000Z",
    proof: { at, how: "restored", is_good: true },
    is_current: true,
  };
  const found = backupsSchema.parse({
    cluster: "shop",
    stanza: "shop",
    exists: true,
    program: "2.58",
    repositories: [repository, { ...repository, number: 2 }],
    policy: {
      full_every_days: 7,
      between_every_hours: 24,
      between: "incremental",
      kept_days: 14,
      kept_fulls: 2,
      next_at: at,
    },
    push_problem: null,
    backups: [backup, { ...backup, repository: 2, locked_until: null }],
  });
  const listed = fits(renderBackups(found, noPaint));
  assert.deepEqual(
    listed.filter((line) => line.startsWith("Repository")),
    ["Repository 1:", "Repository 2:"],
  );
  assert.match(listed.join("\n"), /22-225301D is locked until 2027-01-01\./);
  const shown = renderRepositories(found, noPaint).split("\nA full backup")[0] ?? "";
  assert.match(fits(shown).join("\n"), /Repository 1: s3:.*\n {2}state +ok, encrypted, its key is kept here\n/);
});
