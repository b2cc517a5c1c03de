import assert from "node:assert/strict";
import { test } from "node:test";
import { OpError } from "../../../errors/op-error.ts";
import { generatePassword, scramVerifier } from "./scram.ts";

test("scram: the verifier of a known password and salt", () => {
  // Salt and password of RFC 7677, section 3; the keys come from another implementation (Python's hashlib).
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  assert.equal(
    scramVerifier("pencil", salt),
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
  );
});

test("scram: two verifiers of one password differ by their salt", () => {
  assert.notEqual(scramVerifier("pencil"), scramVerifier("pencil"));
});

test("scram: a password that clients prepare in different ways is refused", () => {
  for (const password of [
    "",
    "tab\there",
    "soft\u00adhyphen",
    "no-break\u00a0space",
    "ﬁ",
    "e\u0301",
    "\ud800",
    "zero\0",
  ]) {
    assert.throws(
      () => scramVerifier(password),
      (error) => error instanceof OpError && error.code === "bad-value",
    );
  }
});

test("scram: letters beyond ASCII that every client leaves alone are taken", () => {
  for (const password of ["pässwörd", "密码", "a b", "🐘"])
    assert.match(scramVerifier(password), /^SCRAM-SHA-256\$4096:/);
});

test("scram: a generated password needs no escape and is long", () => {
  const passwords = new Set(Array.from({ length: 100 }, generatePassword));
  assert.equal(passwords.size, 100);
  for (const password of passwords) assert.match(password, /^[A-Za-z0-9]{24}$/);
});
