import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { redact, redactDeep } from "./redact.ts";

/** Has no character that ends a secret in any of the notations below. */
const secret = fc.stringMatching(/^[A-Za-z0-9!#$%^*_+-]{8,24}$/).map((text) => `s3cr${text}`);

const notations: readonly (readonly [string, (secret: string) => string])[] = [
  ["connection URI", (s) => `could not connect to postgresql://app:${s}@db.example:5432/shop?sslmode=require`],
  ["URI without user", (s) => `redis://:${s}@host`],
  ["key word and value", (s) => `host=localhost password=${s} dbname=shop`],
  ["quoted key word", (s) => `host=localhost password='${s} and more' dbname=shop`],
  ["SQL", (s) => `ALTER ROLE app PASSWORD '${s}'`],
  ["JSON", (s) => `{"user":"app","password":"${s}","port":5432}`],
  ["environment", (s) => `PGPASSWORD=${s} psql`],
  ["option", (s) => `initdb --password ${s}`],
  ["verifier", (s) => `SCRAM-SHA-256$4096:${s}$abc:def`],
  ["private key", (s) => `-----BEGIN PRIVATE KEY-----\n${s}\n-----END PRIVATE KEY-----`],
];

describe("redact", () => {
  for (const [name, write] of notations) {
    test(`no secret is left: ${name}`, () => {
      fc.assert(
        fc.property(secret, (value) => {
          const text = redact(write(value));
          assert.ok(!text.includes(value), text);
          assert.match(text, /\*\*\*/);
        }),
      );
    });
  }

  test("what stands around a secret stays, and ordinary sentences are left alone", () => {
    assert.equal(
      redact("connect to postgres://app:hunter22@db:5432/shop failed"),
      "connect to postgres://app:***@db:5432/shop failed",
    );
    for (const text of [
      'password of user "app" changed',
      "password authentication failed for user app",
      'standby "shop-2" is 35 MB behind the primary at 0/16B3748',
    ]) {
      assert.equal(redact(text), text);
    }
  });

  test("fields are masked by their names, at any depth", () => {
    assert.deepEqual(redactDeep({ user: "app", new_password: "x", list: [{ privateKey: "k", uri: "pg://a:b@c" }] }), {
      user: "app",
      new_password: "***",
      list: [{ privateKey: "***", uri: "pg://a:***@c" }],
    });
  });
});
