/** Lines of every form as records, and secrets that must not leave the host. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { understandLines } from "./understand.ts";

const postgres = { process: "postgres", cluster: "shop", member: "shop-1" } as const;
const since = "2026-01-01T00:00:00.000Z";
const one = (line: string, origin: Parameters<typeof understandLines>[1] = postgres) => {
  const [record] = understandLines(line.split("\n"), origin, since);
  assert.ok(record);
  return record;
};

describe("forms of lines", () => {
  test("jsonlog: severity, SQLSTATE, who and where", () => {
    const record = one(
      '{"timestamp":"2026-11-22 03:00:00.123 UTC","user":"app","dbname":"orders","pid":42,"error_severity":"ERROR","state_code":"23505","message":"duplicate key","detail":"Key (id)=(1) already exists.","statement":"insert into t values (1)","backend_type":"client backend"}',
    );
    assert.equal(record.at, "2026-11-22T03:00:00.123Z");
    assert.equal(record.level, "error");
    assert.equal(record.message, "duplicate key");
    assert.deepEqual(record.fields, {
      severity: "ERROR",
      user: "app",
      dbname: "orders",
      pid: "42",
      state_code: "23505",
      detail: "Key (id)=(1) already exists.",
      statement: "insert into t values (1)",
      backend_type: "client backend",
    });
  });

  test("plain text with the new prefix and the old, with its details and further lines", () => {
    const text = [
      "2026-11-22 03:00:00.123 UTC [42] 42P01 app@orders/psql ERROR:  relation does not exist at character 15",
      "2026-11-22 03:00:00.123 UTC [42] 42P01 app@orders/psql STATEMENT:  select *",
      "\tfrom nowhere",
      "2026-11-22 03:00:01.000 UTC [7] LOG:  checkpoint starting: time",
      "2026-11-22 03:00:02.000 UTC [43] app@orders/my app PANIC:  could not write",
    ];
    const [error, log, panic, ...rest] = understandLines(text, postgres, since);
    assert.deepEqual(rest, []);
    assert.equal(error?.fields["statement"], "select *\nfrom nowhere");
    assert.equal(error?.fields["state_code"], "42P01");
    assert.equal(error?.fields["user"], "app");
    assert.deepEqual([log?.level, log?.message], ["info", "checkpoint starting: time"]);
    assert.deepEqual([panic?.level, panic?.fields["application_name"]], ["fatal", "my app"]);
  });

  test("our processes, etcd, PgBouncer, pgBackRest, and what is in no form", () => {
    const agent = one(
      '{"level":"warn","time":"2026-11-22T03:00:00.000Z","cluster":"shop","error":{"code":"x"},"msg":"not taken"}',
      {
        process: "agent",
        cluster: null,
        member: null,
      },
    );
    assert.deepEqual([agent.level, agent.message, agent.cluster], ["warning", "not taken", "shop"]);
    assert.equal(agent.fields["error"], '{"code":"x"}');
    const etcd = one('{"level":"warn","ts":"2026-11-22T03:00:00.000Z","caller":"x.go:1","msg":"slow"}', {
      process: "etcd",
      cluster: null,
      member: null,
    });
    assert.deepEqual([etcd.at, etcd.message], ["2026-11-22T03:00:00.000Z", "slow"]);
    const pool = one("2026-11-22 03:00:00.123 UTC [9] WARNING C-0x1: orders/app@127.0.0.1:5 pooler error: no more", {
      process: "pgbouncer",
      cluster: "shop",
      member: null,
    });
    assert.deepEqual([pool.level, pool.at], ["warning", "2026-11-22T03:00:00.123Z"]);
    const backup = one("P00   WARN: option is deprecated", { process: "pgbackrest", cluster: "shop", member: null });
    assert.deepEqual([backup.level, backup.message, backup.at], ["warning", "option is deprecated", since]);
    for (const odd of ["Killed", "{not json", "[1,2]", '{"level":5}', "null"]) assert.equal(one(odd).at, since, odd);
  });
});

describe("a password that a statement sets never leaves", () => {
  const ways = [
    "CREATE ROLE a PASSWORD 'hunter2'",
    "alter user a with encrypted password E'hunter2'",
    "ALTER ROLE a PASSWORD $$hunter2$$",
    "ALTER ROLE a PASSWORD/* */ U&'hunter2' VALID UNTIL 'x'",
    "create user mapping for a server s options (user 'a', password 'hunter2')",
    "ALTER ROLE a\nPASSWORD\n'hunter2'",
    `ALTER ROLE a PASSWORD '${"x".repeat(100)}hunter2`,
    `${" ".repeat(8150)}ALTER ROLE a PASSWORD 'hunter2 and more'`,
    "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2' PUBLICATION p",
    "select dblink('postgresql://u:hunter2@h/db', 'x')",
  ];
  for (const statement of ways)
    test(statement.trim().slice(0, 60), () => {
      const json = JSON.stringify({ error_severity: "ERROR", message: `syntax: ${statement}`, statement });
      const text = `2026-11-22 03:00:00.123 UTC [42] 42601 a@b/c ERROR:  no\n2026-11-22 03:00:00.123 UTC [42] 42601 a@b/c STATEMENT:  ${statement.replaceAll("\n", "\n\t")}`;
      for (const line of [json, text, statement]) {
        const records = understandLines(line.split("\n"), postgres, since);
        if (line !== statement || !statement.includes("\n")) assert.doesNotMatch(JSON.stringify(records), /hunter2/);
      }
    });

  test("further lines without their beginning are left out", () => {
    assert.deepEqual(understandLines(["\thunter2'"], postgres, since), []);
  });
});
