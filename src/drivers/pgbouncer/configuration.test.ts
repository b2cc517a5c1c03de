/** What is written for PgBouncer to read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAccess, formatUsers, keepsStatements, portIn } from "./configuration.ts";

const verifier = "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy";
const root = { name: "root", isListed: true };
const self = { name: "pgbouncer", isListed: false };

test("a name is quoted whatever it holds; what would be another line is left out", () => {
  const users = [
    { name: `we"ird`, verifier },
    { name: "two\nlines", verifier },
    { name: "two\rlines", verifier },
  ];
  assert.equal(formatUsers(users, self), `"we""ird" "${verifier}"\n`);
});

test("only verifiers of SCRAM are written: nothing else could be passed on, and a password never", () => {
  const others = ["md5d41d8cd98f00b204e9800998ecf8427e", "secret", "", `${verifier}" "x`, `${verifier}\n"root" ""`];
  for (const other of others.slice(0, 3)) assert.equal(formatUsers([{ name: "ada", verifier: other }], self), "");
  assert.equal(formatUsers([{ name: "ada", verifier: others[4] ?? "" }], self), "");
  assert.equal(formatUsers([{ name: "ada", verifier: others[3] ?? "" }], self), "");
});

test("root is listed without a password, and comes over the socket only", () => {
  assert.equal(formatUsers([{ name: "root", verifier }], root), `"root" ""\n`);
  assert.match(
    formatAccess(root),
    /^local pgbouncer root peer\nlocal all all reject\nhost pgbouncer all [^ ]+ reject\n/,
  );
  assert.doesNotMatch(formatAccess(self), /peer/);
});

test("prepared statements are kept from 1.21 on", () => {
  assert.deepEqual(["1.18.0", "1.20.1", "1.21.0", "1.24", "2.0"].map(keepsStatements), [
    false,
    false,
    true,
    true,
    true,
  ]);
});

test("the port of one that runs is found in its settings", () => {
  assert.equal(portIn("[pgbouncer]\nlisten_port = 43621\n"), 43_621);
  assert.equal(portIn("listen_port = none\n"), undefined);
});
