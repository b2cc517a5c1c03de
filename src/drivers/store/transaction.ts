/**
 * What every implementation of the store takes for a sound request. Called by embedded.ts and memory.ts. A request
 * that is not sound is a defect of the caller, so it ends in an assertion and not in an OpError.
 */
import assert from "node:assert/strict";
import type { StoreTxn } from "./port.ts";

/** Keys are printable ASCII, so that every store sorts them alike. */
const keyText = /^[\x21-\x7e]+$/;

export function assertSound(txn: StoreTxn): void {
  const written = [...(txn.put ?? []).map((put) => put.key), ...(txn.remove ?? [])];
  for (const key of [...written, ...txn.require.map((require) => require.key)]) {
    assert.match(key, keyText, "a key is printable ASCII");
  }
  assert.equal(new Set(written).size, written.length, "a transaction writes each key once");
}

/** The text that is kept. Fails for what JSON would drop or change in silence. */
export function encodeValue(key: string, value: unknown): string {
  const text = JSON.stringify(value);
  assert.notEqual(text, undefined, `the value of "${key}" is no JSON value`);
  return text;
}
