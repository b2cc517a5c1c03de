import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { replacedWhileCopied } from "./cp-words.ts";

const vanished = "cp: cannot stat '/d/base/5/16402': No such file or directory";
const replaced = "cp: skipping file '/d/base/5/pg_filenode.map', as it was replaced while being copied";
const full = "cp: error writing '/t/base/5/1259': No space left on device";

describe("what cp says", () => {
  test("of files that vanished: nothing is left to be done", () => {
    assert.deepEqual(replacedWhileCopied(`${vanished}\n`), []);
  });

  test("of files that were replaced: they are still to be copied", () => {
    assert.deepEqual(replacedWhileCopied(`${vanished}\n${replaced}\n`), ["/d/base/5/pg_filenode.map"]);
  });

  test("of anything else, or nothing at all: it failed", () => {
    assert.equal(replacedWhileCopied(`${replaced}\n${full}\n`), undefined);
    assert.equal(replacedWhileCopied(""), undefined);
  });
});
