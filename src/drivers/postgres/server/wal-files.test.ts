import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseLsn } from "../../../domain/lsn.ts";
import { endOfRecord, timelineOfWal } from "./wal-files.ts";

const segmentBytes = 1 << 20;

/** A segment file whose pages up to `pages` carry their own address, the rest that of a recycled file. */
async function segment(home: string, name: string, start: bigint, pages: number): Promise<void> {
  const bytes = Buffer.alloc(segmentBytes);
  for (let page = 0; page < segmentBytes / 8192; page += 1) {
    const address = page < pages ? start + BigInt(page * 8192) : 8192n * BigInt(page);
    bytes.writeBigUInt64LE(address, page * 8192 + 8);
  }
  bytes.writeUInt32LE(114, 8192 * 2 + 8000);
  bytes.writeUInt32LE(300, 8192 * 3 + 8000);
  await writeFile(join(home, "pg_wal", name), bytes);
}

async function inTemporary(run: (home: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "mtr-wal-"));
  await mkdir(join(home, "pg_wal"));
  await run(home).finally(() => rm(home, { recursive: true }));
}

test("timelineOfWal: the highest timeline whose file really holds the page", () =>
  inTemporary(async (home) => {
    const start = 0x500000n;
    await segment(home, "000000010000000000000005", start, 100);
    await segment(home, "000000020000000000000005", start, 10);
    // A recycled file under a future name proves nothing.
    await segment(home, "000000030000000000000005", start, 0);
    const at = (lsn: string): Promise<number | undefined> => timelineOfWal(home, parseLsn(lsn), segmentBytes);
    assert.equal(await at("0/500100"), 2);
    assert.equal(await at("0/514000"), 2); // the end of page 10: its last byte is held
    assert.equal(await at("0/514001"), 1);
    assert.equal(await at("0/5C8001"), undefined);
    assert.equal(await at("0/700000"), undefined);
    assert.equal(await at("0/0"), undefined);
  }));

/** Pages up to the 10th, the last of which ends with a record of this kind; then nothing, as behind a switch. */
async function endedSegment(home: string, name: string, info: number, rmid: number, straddles = false): Promise<void> {
  const bytes = Buffer.alloc(segmentBytes);
  for (let page = 0; page < 10; page += 1) bytes.writeBigUInt64LE(0x500000n + BigInt(page * 8192), page * 8192 + 8);
  const last = bytes.subarray(9 * 8192, 10 * 8192);
  if (straddles) {
    // Its first 16 bytes are on the page before.
    last.writeUInt16LE(1, 2);
    last.writeUInt32LE(8, 16);
    last.set([info, rmid], 24);
  } else {
    last.writeUInt32LE(100, 24);
    last.writeUInt32LE(24, 24 + 104);
    last.set([info, rmid], 24 + 104 + 16);
  }
  await writeFile(join(home, "pg_wal", name), bytes);
}

test("timelineOfWal: what is empty behind a switch of segments belongs to the log that ends so", () =>
  inTemporary(async (home) => {
    const at = (lsn: string): Promise<number | undefined> => timelineOfWal(home, parseLsn(lsn), segmentBytes);
    await endedSegment(home, "000000020000000000000005", 0x50, 0);
    assert.equal(await at("0/600000"), undefined);
    for (const straddles of [false, true]) {
      await endedSegment(home, "000000010000000000000005", 0x40, 0, straddles);
      assert.deepEqual([await at("0/600000"), await at("0/5A0000")], [1, 1]);
      assert.equal(await at("0/512100"), 2);
      await endedSegment(home, "000000010000000000000005", 0x40, 1, straddles);
      assert.equal(await at("0/600000"), undefined);
    }
  }));

test("endOfRecord: rounded up to 8 bytes, and over the next page's header", () =>
  inTemporary(async (home) => {
    await segment(home, "000000010000000000000005", 0x500000n, 128);
    const endOf = (lsn: string): Promise<bigint | undefined> => endOfRecord(home, 1, parseLsn(lsn), segmentBytes);
    assert.equal(await endOf("0/505F40"), parseLsn("0/505FB8"));
    // 192 bytes are left on the page, 112 go behind the header of the next
    assert.equal(await endOf("0/507F40"), parseLsn("0/508088"));
  }));
