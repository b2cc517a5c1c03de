/** The text format: escapes, families that stand together, several hosts as one; and figures of what few tests have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { backupsSchema } from "../../contract/backups.ts";
import { reportBackups } from "./backups.ts";
import { Exposition, mergeTexts } from "./exposition.ts";
import { reportPool } from "./pool.ts";
import { reportSettings } from "./settings.ts";

test("samples of a family stand together, values that are not known are left out, names may hold anything", () => {
  const to = new Exposition();
  to.gauge("a", "first\nline \\ two", 1, { name: 'x"\\\n' });
  to.counter("b_total", "b", "12");
  to.gauge("a", "another help is not said twice", true, { name: "y" });
  to.gauge("a", "", null, { name: "none" });
  to.gauge("c", "", Number.NaN);
  assert.equal(
    to.text(),
    [
      "# HELP a first\\nline \\\\ two",
      "# TYPE a gauge",
      'a{name="x\\"\\\\\\n"} 1',
      'a{name="y"} 1',
      "# HELP b_total b",
      "# TYPE b_total counter",
      "b_total 12",
      "",
    ].join("\n"),
  );
});

test("texts of several hosts are one, each family once", () => {
  const one = '# HELP a A\n# TYPE a gauge\na{m="1"} 1\n# HELP b B\n# TYPE b gauge\nb 1\n';
  const two = '# HELP a A of another version\n# TYPE a gauge\na{m="2"} 2\n';
  assert.equal(
    mergeTexts([one, two]),
    '# HELP a A\n# TYPE a gauge\na{m="1"} 1\na{m="2"} 2\n# HELP b B\n# TYPE b gauge\nb 1\n',
  );
  assert.equal(mergeTexts([]), "");
});

test("settings in bytes and seconds; -1 has no unit", () => {
  const to = new Exposition();
  const row = (name: string, setting: string, unit: string | null, vartype = "integer") => ({
    name,
    setting,
    unit,
    vartype,
  });
  reportSettings(
    to,
    [
      row("shared_buffers", "16384", "8kB"),
      row("a_timeout", "1500", "ms"),
      row("keep", "-1", "MB"),
      row("fsync", "on", null, "bool"),
    ],
    {},
  );
  const samples = to
    .text()
    .split("\n")
    .filter((line) => !line.startsWith("#") && line !== "");
  assert.deepEqual(samples, [
    "pg_settings_shared_buffers_bytes 134217728",
    "pg_settings_a_timeout_seconds 1.5",
    "pg_settings_keep_bytes -1",
    "pg_settings_fsync 1",
  ]);
});

test("backups: a repository that is lost, the newest that was found good", () => {
  const to = new Exposition();
  const repository = {
    number: 1,
    kind: "s3",
    to: "s3://bucket",
    encrypted: true,
    escrow: false,
    problem: "it is away",
    newest_segment: null,
    archived_until: null,
    backups: 1,
    newest_backup_at: null,
    is_overdue: true,
  };
  const backup = {
    label: "20261120-000000F",
    repository: 1,
    kind: "full",
    started_at: "2026-11-20T00:00:00Z",
    ended_at: "2026-11-20T00:01:00Z",
    size_bytes: 20,
    own_bytes: 10,
    wal: { from: "a", to: "b" },
    lsn: { from: "0/1", to: "0/2" },
    needs: [],
    version: 18,
    has_bad_pages: false,
    locked_until: null,
    is_current: true,
    proof: { at: "2026-11-20T00:00:00Z", how: "verified", is_good: true },
  };
  const told = { cluster: "shop", repositories: [repository], backups: [backup] };
  reportBackups(to, backupsSchema.pick({ cluster: true, repositories: true, backups: true }).parse(told));
  const samples = to
    .text()
    .split("\n")
    .filter((line) => line.startsWith("matriarch_"));
  const labels = '{cluster="shop",repository="1",kind="s3"}';
  assert.deepEqual(samples, [
    `matriarch_backup_repository_up${labels} 0`,
    `matriarch_backup_count${labels} 1`,
    `matriarch_backup_is_overdue${labels} 1`,
    `matriarch_backup_size_bytes${labels} 10`,
    `matriarch_backup_proof_timestamp_seconds${labels} 1795132800`,
  ]);
});

test("a pooler that does not answer is down, and has no figures", () => {
  const to = new Exposition();
  reportPool(to, "shop", undefined);
  assert.match(to.text(), /^pgbouncer_up\{cluster="shop"\} 0$/m);
  assert.doesNotMatch(to.text(), /pgbouncer_pools/);
});
