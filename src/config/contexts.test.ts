/** The file of contexts: written for its owner alone, and refused when it is damaged or open to others. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { checkContextName, contextsFile, keepAuthority, readContexts, writeContexts } from "./contexts.ts";

let home: string;
let path: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "matriarch-contexts-"));
  path = contextsFile({ XDG_CONFIG_HOME: home });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const prod = { hosts: ["https://a:7400"], ca_file: "/ca.crt", token_file: "/token" };

test("what was written is read, and nobody else can", () => {
  assert.deepEqual(readContexts(path), { current: null, contexts: {} });
  writeContexts({ current: "prod", contexts: { prod } }, path);
  assert.deepEqual(readContexts(path), { current: "prod", contexts: { prod } });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const kept = keepAuthority("prod", "PEM", path);
  assert.equal(statSync(kept).mode & 0o777, 0o600);
  assert.equal(readFileSync(kept, "utf8"), "PEM");
});

test("the place: XDG_CONFIG_HOME, else .config of HOME", () => {
  assert.equal(contextsFile({ XDG_CONFIG_HOME: "/x", HOME: "/h" }), "/x/matriarch/contexts.json");
  assert.equal(contextsFile({ HOME: "/h" }), "/h/.config/matriarch/contexts.json");
});

test("open to others: refused, with what to do", () => {
  writeContexts({ current: null, contexts: { prod } }, path);
  chmodSync(path, 0o644);
  assert.throws(() => readContexts(path), { code: "bad-value", detail: /mode is 644/, hint: /chmod 600/ });
});

for (const [what, text, said] of [
  ["torn", '{"current": "prod", "cont', /not JSON/],
  ["empty", "", /not JSON/],
  ["a list", "[]", /expected object/],
  ["a context without hosts", '{"current":null,"contexts":{"a":{"hosts":[],"ca_file":"/c"}}}', /contexts\.a\.hosts/],
  ["an unknown key", '{"current":null,"contexts":{},"token":"x"}', /token/],
  ["a name with a slash", '{"current":null,"contexts":{"../x":{"hosts":["https://a"],"ca_file":"/c"}}}', /contexts/],
] as const) {
  test(`damaged (${what}): refused with the reason, and left as it is`, () => {
    writeContexts({ current: null, contexts: {} }, path);
    writeFileSync(path, text, { mode: 0o600 });
    assert.throws(() => readContexts(path), { code: "bad-value", detail: said });
    assert.equal(readFileSync(path, "utf8"), text);
  });
}

test("names that would lead elsewhere, and the one of this machine, are refused", () => {
  for (const name of ["local", "", "../x", "a/b", "-a", "a b"]) {
    assert.throws(() => checkContextName(name), { code: "bad-name" }, name);
  }
  checkContextName("prod.eu-1");
});
