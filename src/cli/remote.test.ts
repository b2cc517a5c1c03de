/** Whom a command talks to: what goes before what, and what is refused before anything is sent. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { readContexts } from "../config/contexts.ts";
import { addContext, listContexts, removeContext, useContext } from "./contexts.ts";
import { chooseRemote, parseHosts } from "./remote.ts";

let home: string;
let caFile: string;
let tokenFile: string;
const nothing = { hosts: [], context: undefined };

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "matriarch-remote-choice-"));
  process.env["XDG_CONFIG_HOME"] = join(home, "config");
  caFile = join(home, "their-ca.crt");
  tokenFile = join(home, "token");
  writeFileSync(caFile, "-----BEGIN CERTIFICATE-----\n");
  writeFileSync(tokenFile, "mtr_1\n", { mode: 0o600 });
});
afterEach(() => {
  delete process.env["XDG_CONFIG_HOME"];
  rmSync(home, { recursive: true, force: true });
});

const origins = (remote: ReturnType<typeof chooseRemote>) => remote?.hosts.map(({ origin }) => origin);

async function addTwo(): Promise<void> {
  await addContext("prod", { hosts: ["https://a:7400,b"], caFile, tokenFile });
  await addContext("test", { hosts: ["https://c"], caFile, tokenFile });
}

test("addresses: port, commas, names, and what is none", () => {
  assert.deepEqual(
    parseHosts(["https://a:7400, b:7500", "[fd00::1]:7400", "10.0.0.1"]).map(({ origin }) => origin),
    ["https://a:7400", "https://b:7500", "https://[fd00::1]:7400", "https://10.0.0.1"],
  );
  for (const wrong of ["http://a", "https://a/path", "https://user@a", "a b", "https://", "a?x", "ftp://a"])
    assert.throws(() => parseHosts([wrong]), { code: "bad-value" }, wrong);
});

test("--host, --context, MATRIARCH_HOST, MATRIARCH_CONTEXT, the context in use, this machine: in this order", async () => {
  await addTwo();
  useContext("prod");
  const env = { MATRIARCH_HOST: "https://e", MATRIARCH_CONTEXT: "test", MATRIARCH_CA_FILE: caFile };
  assert.deepEqual(origins(chooseRemote({ hosts: ["https://f"], context: undefined }, home, env)), ["https://f"]);
  assert.deepEqual(origins(chooseRemote({ hosts: [], context: "prod" }, home, env)), ["https://a:7400", "https://b"]);
  assert.deepEqual(origins(chooseRemote(nothing, home, env)), ["https://e"]);
  assert.deepEqual(origins(chooseRemote(nothing, home, { MATRIARCH_CONTEXT: "test" })), ["https://c"]);
  assert.deepEqual(origins(chooseRemote(nothing, home, {})), ["https://a:7400", "https://b"]);
  assert.equal(chooseRemote({ hosts: [], context: "local" }, home, env), undefined);
  useContext("local");
  assert.equal(chooseRemote(nothing, home, {}), undefined);
});

test("a host of a known context brings its token; one that nobody vouches for is refused", async () => {
  await addTwo();
  assert.equal(chooseRemote({ hosts: ["https://b"], context: undefined }, home, {})?.token, "mtr_1");
  // The usual port is the same when it is left out, and when it is written.
  for (const host of ["a", "https://a:7400", "b:7400"])
    assert.equal(chooseRemote({ hosts: [host], context: undefined }, home, {})?.token, "mtr_1", host);
  assert.throws(() => chooseRemote({ hosts: ["https://z"], context: undefined }, home, {}), { code: "usage" });
  const env = { MATRIARCH_CA_FILE: caFile, MATRIARCH_TOKEN: "other" };
  assert.equal(chooseRemote({ hosts: ["https://z"], context: undefined }, home, env)?.token, "other");
  // On a host of an installation its own authority is at hand.
  mkdirSync(join(home, "ca"));
  writeFileSync(join(home, "ca", "ca.crt"), "own");
  assert.equal(String(chooseRemote({ hosts: ["https://z"], context: undefined }, home, {})?.ca), "own");
});

test("who the environment says who they are sends nothing of the context's identity along", async () => {
  const [cert, key] = [join(home, "ada.crt"), join(home, "ada.key")];
  writeFileSync(cert, "certificate");
  writeFileSync(key, "key", { mode: 0o600 });
  await addContext("prod", { hosts: ["https://a"], caFile, cert, key });
  useContext("prod");
  assert.deepEqual(
    [chooseRemote(nothing, home, {})?.token, chooseRemote(nothing, home, {})?.certificate !== undefined],
    [undefined, true],
  );
  for (const env of [{ MATRIARCH_TOKEN_FILE: tokenFile }, { MATRIARCH_TOKEN: "mtr_1" }])
    for (const more of [{}, { MATRIARCH_HOST: "https://a" }]) {
      const { token, certificate } = chooseRemote(nothing, home, { ...env, ...more }) ?? {};
      assert.deepEqual([token, certificate], ["mtr_1", undefined]);
    }
  // And a certificate beside a context's token.
  await addContext("wall", { hosts: ["https://c"], caFile, tokenFile });
  const env = { MATRIARCH_CERT_FILE: cert, MATRIARCH_KEY_FILE: key };
  const asAda = chooseRemote({ hosts: [], context: "wall" }, home, env);
  assert.deepEqual([asAda?.token, String(asAda?.certificate?.cert)], [undefined, "certificate"]);
  assert.throws(() => chooseRemote(nothing, home, { MATRIARCH_CERT_FILE: cert }), { message: /belong together/ });
});

test("both flags, an unknown context, a missing or open token: refused", async () => {
  await addTwo();
  assert.throws(() => chooseRemote({ hosts: ["https://a"], context: "prod" }, home, {}), { code: "usage" });
  assert.throws(() => chooseRemote({ hosts: [], context: "nope" }, home, {}), { code: "context-not-found" });
  chmodSync(tokenFile, 0o640);
  assert.throws(() => chooseRemote({ hosts: [], context: "prod" }, home, {}), { message: /can be read by others/ });
  rmSync(tokenFile);
  assert.throws(() => chooseRemote({ hosts: [], context: "prod" }, home, {}), { message: /cannot be read/ });
});

test("contexts: a wrong one is not written; one that is removed is no longer in use", async () => {
  const good = { hosts: ["https://a"], caFile, tokenFile };
  await assert.rejects(addContext("local", good), { code: "bad-name" });
  await assert.rejects(addContext("a", { ...good, hosts: [] }), { code: "usage" });
  await assert.rejects(addContext("a", { ...good, tokenFile: undefined }), { code: "usage" });
  await assert.rejects(addContext("a", { ...good, caFile: undefined }), { code: "usage" });
  await assert.rejects(addContext("a", { ...good, caFingerprint: "00" }), { code: "usage" });
  await assert.rejects(addContext("a", { ...good, cert: "only.crt" }), { code: "usage" });
  await assert.rejects(addContext("a", { ...good, caFile: tokenFile }), { message: /holds no certificate/ });
  assert.deepEqual(readContexts(), { current: null, contexts: {} });
  await addContext("a", good);
  useContext("a");
  assert.deepEqual(
    listContexts().map(({ name, in_use }) => [name, in_use]),
    [["a", true]],
  );
  removeContext("a");
  assert.deepEqual(readContexts(), { current: null, contexts: {} });
  assert.throws(() => removeContext("a"), { code: "context-not-found" });
});
