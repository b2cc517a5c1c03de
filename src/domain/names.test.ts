/** Names that are taken, and those that are not. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { clusterNameProblem, databaseNameProblem, userNameProblem } from "./names.ts";

test("clusters: lower-case letters, digits and hyphens, beginning with a letter", () => {
  for (const name of ["a", "shop", "shop-2", "x".repeat(40)]) assert.equal(clusterNameProblem(name), undefined, name);
  for (const name of ["", "Shop", "2shop", "-shop", "shop-", "sh_op", "sh.op", "../x", "shöp", "x".repeat(41)]) {
    assert.match(clusterNameProblem(name) ?? "", /^A cluster's name .*\.$/, name);
  }
});

test("users and databases: what Postgres can hold, but not what belongs to Postgres or to Matriarch", () => {
  for (const name of ["app", "App user", 'we"ird', "ü".repeat(31)]) {
    assert.equal(userNameProblem(name), undefined, name);
    assert.equal(databaseNameProblem(name), undefined, name);
  }
  for (const name of ["", "a\u0000b", "ü".repeat(32), "pg_monitor", "matriarch", "matriarch_replication"]) {
    assert.notEqual(userNameProblem(name), undefined, name);
  }
});
