import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeTogether } from "./rules.ts";
import type { ServerSetting } from "./trial.ts";

const row = (name: string, setting: string, unit: string | null = null): ServerSetting => ({
  name,
  setting,
  unit,
  vartype: /^-?\d+$/.test(setting) ? "integer" : "string",
  context: "sighup",
  category: "",
  min_val: null,
  max_val: null,
  enumvals: null,
  boot_val: null,
  short_desc: "",
});

/** As computed for a member with 1 GB. */
const usual = [
  row("shared_buffers", "32768", "8kB"),
  row("work_mem", "4096", "kB"),
  row("maintenance_work_mem", "65536", "kB"),
  row("max_connections", "200"),
  row("superuser_reserved_connections", "3"),
  row("reserved_connections", "0"),
  row("max_wal_senders", "24"),
  row("max_replication_slots", "24"),
  row("max_prepared_transactions", "0"),
  row("max_worker_processes", "10"),
  row("max_parallel_workers", "2"),
  row("min_wal_size", "430", "MB"),
  row("max_wal_size", "3440", "MB"),
  row("max_slot_wal_keep_size", "17203", "MB"),
  row("max_standby_streaming_delay", "2000", "ms"),
  row("wal_receiver_status_interval", "1", "s"),
  row("wal_sender_timeout", "5000", "ms"),
  row("wal_receiver_timeout", "5000", "ms"),
  row("log_min_messages", "warning"),
  row("autovacuum", "on"),
];
const facts = { memoryBytes: 2 ** 30, inUse: { preparedTransactions: 0, connections: 10, slots: 2 } };

function judged(changed: readonly ServerSetting[], inUse: Partial<typeof facts.inUse> = {}) {
  const names = new Set(changed.map(({ name }) => name));
  const settings = [...usual.filter(({ name }) => !names.has(name)), ...changed];
  return judgeTogether(settings, { ...facts, inUse: { ...facts.inUse, ...inUse } });
}

test("rules: nothing is said of what is computed", () => assert.deepEqual(judged([]), { problems: [], warnings: [] }));

test("rules: what the cluster would suffer from is refused, each with its reason", () => {
  const refused: readonly (readonly [readonly ServerSetting[], RegExp, Partial<typeof facts.inUse>?])[] = [
    [[row("shared_buffers", "131072", "8kB")], /shared_buffers \(1 GB\) leaves too little of the 1024 MB/],
    [[row("max_connections", "20"), row("superuser_reserved_connections", "16")], /too few of max_connections \(20\)/],
    [[row("min_wal_size", "4000", "MB")], /min_wal_size .* must not be more than max_wal_size/],
    [[row("max_slot_wal_keep_size", "-1", "MB")], /must have a bound/],
    [[row("wal_receiver_status_interval", "0", "s")], /no longer acknowledge/],
    [[row("superuser_reserved_connections", "0")], /at least 3/],
    [[row("log_min_messages", "panic")], /agents read the log/],
    [[], /less than the 2 prepared transactions/, { preparedTransactions: 2 }],
    [[row("max_replication_slots", "10")], /leaves none free beside the 10 slots/, { slots: 10 }],
  ];
  for (const [changed, reason, inUse] of refused) {
    const { problems } = judged(changed, inUse);
    assert.equal(problems.length, 1, `${String(reason)}: ${problems.join("; ")}`);
    assert.match(problems[0] ?? "", reason);
  }
});

test("rules: what is merely unwise is told", () => {
  const told: readonly (readonly [readonly ServerSetting[], RegExp, Partial<typeof facts.inUse>?])[] = [
    [[row("work_mem", "65536", "kB")], /times work_mem \(64 MB\) is 12800 MB/],
    [[row("shared_buffers", "65536", "8kB")], /more than two fifths/],
    [[row("maintenance_work_mem", "600000", "kB")], /more than half/],
    [[row("max_parallel_workers", "64")], /max_parallel_workers \(64\)/],
    [[], /250 clients are connected now/, { connections: 250 }],
    [[row("wal_sender_timeout", "0", "ms")], /is not noticed/],
    [[row("autovacuum", "off")], /without autovacuum/],
    [[row("max_standby_streaming_delay", "-1", "ms")], /hold a failover up/],
    [[row("transaction_timeout", "100", "ms")], /also ends what the agents do/],
  ];
  for (const [changed, reason, inUse] of told) {
    const { problems, warnings } = judged(changed, inUse);
    assert.deepEqual(problems, []);
    assert.equal(warnings.length, 1, String(reason));
    assert.match(warnings[0] ?? "", reason);
  }
});
