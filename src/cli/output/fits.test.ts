/** Settings and the pool on a terminal of 80 columns, and where there is no terminal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { poolStatusSchema } from "../../contract/pool.ts";
import { settingSchema, type Setting } from "../../contract/settings.ts";
import type { MemberStatus } from "../../contract/cluster.ts";
import { noPaint } from "./paint.ts";
import { renderPool } from "./pool.ts";
import { renderSettings } from "./settings.ts";
import { renderMemberList, renderMembers } from "./status.ts";

const why = "memory that is left, over connections and parallel workers, three sorts each";

function setting(name: string, more: Partial<Setting> = {}): Setting {
  return settingSchema.parse({
    name,
    value: "4 MB",
    setting: "4096",
    unit: "kB",
    type: "integer",
    min: "64 kB",
    max: "2147483647 kB",
    allowed: null,
    default: "4 MB",
    source: "computed",
    why,
    restart: false,
    pending: null,
    differs: [],
    category: "Resource Usage / Memory",
    description: `Sets the maximum memory to be used for query workspaces, ${why}.`,
    ...more,
  });
}

const settings = [
  setting("autovacuum_vacuum_insert_scale_factor"),
  setting("archive_command", { value: "/bin/sh '/var/lib/matriarch/clusters/shop/shop-1/archive.sh' %p" }),
  setting("work_mem", { why: null }),
];

function assertFits(text: string): void {
  for (const line of text.split("\n")) assert.ok(line.length <= 80, `${line.length}: ${line}`);
}

test("settings: names beside each other, reasons whole below their setting, values cut", () => {
  const text = renderSettings({ settings, away: [] }, { inFull: false, paint: noPaint, terminal: 80 });
  assertFits(text);
  const lines = text.split("\n");
  assert.equal(lines.length, 6);
  assert.equal(lines[2], `    ${why}`);
  assert.match(lines[3] ?? "", /^archive_command +\/bin\/sh '\/var\/lib\/matriar.*…  computed$/);
  const wide = renderSettings({ settings, away: [] }, { inFull: false, paint: noPaint, terminal: undefined });
  assert.equal(wide.split("\n").length, 4);
  assert.match(wide, new RegExp(`4 MB +computed  ${why}\n`));
});

test("settings in full: what a label says goes on below its beginning", () => {
  const text = renderSettings({ settings, away: [] }, { inFull: true, paint: noPaint, terminal: 80 });
  assertFits(text.replaceAll(/^archive_command = .*$/gm, ""));
  assert.match(
    text,
    /^ {2}source {3}computed: memory that is left, over connections and parallel workers,\n {11}three/m,
  );
  assert.match(text, /^ {2}Sets the maximum .*\n {2}\w/m);
});

test("the pool: sentences go on below their beginning, whatever the hosts are called", () => {
  const [host, other] = ["database-host-1", "db-2"];
  const status = {
    cluster: "shop",
    on: true,
    mode: "transaction",
    size: 20,
    reserve: 5,
    max_clients: 2000,
    wait_ms: 60_000,
    servers_max: 190,
    max_connections: 200,
    endpoint: { host: "127.0.0.1", port: 6432 },
    hosts: [{ host, state: "serving", trouble: null, version: "1.18.0", clients: 0, pools: [], totals: [] }],
    missing: [
      { host: other, reason: `its agent does not answer, and nothing was heard of it for ${"long ".repeat(9)}` },
    ],
  };
  const text = renderPool(poolStatusSchema.parse(status), noPaint, 80);
  assertFits(text);
  assert.match(text, /^servers {11}20 and 5 in reserve .*\n {18}\w/m);
  assert.match(text, /^database-host-1 {3}PgBouncer 1\.18\.0/m);
  assert.match(text, /^db-2 {14}its agent does not answer, .*\n {18}\w/m);
});

const member = (id: string): MemberStatus => ({
  id,
  host: "db-1",
  region: "eu",
  zone: id,
  role: "standby",
  state: "catching-up",
  pid: 30_627,
  port: 30_627,
  socket_directory: "/run",
  data_directory: "/data",
  status_url: null,
  timeline: 12,
  flushed_lsn: "0/15006538",
  lag_bytes: 4096,
  is_voter: true,
  is_read_replica: false,
  upstream: null,
  resources: null,
  read: null,
  incarnation: 1,
  version: "18.4",
  because: "",
});

test("members: what a narrow terminal has no room for is left out, from the right; the rest stays", () => {
  const members = [member("shop-1"), member("shop-10")];
  const narrow = renderMemberList(members, noPaint, 80);
  assertFits(narrow);
  for (const heading of ["MEMBER", "ROLE", "STATE", "LAG", "VOTER", "MEMORY", "LIMITED"])
    assert.match(narrow, new RegExp(`\\b${heading}\\b`));
  assert.doesNotMatch(narrow, /\bPID\b/);
  assertFits(renderMembers(members, noPaint, { terminal: 80 }));
  for (const all of [renderMemberList(members, noPaint), renderMemberList(members, noPaint, 200)])
    assert.match(all, /TIMELINE +FLUSHED.*PORT +PID +MEMORY/);
});
