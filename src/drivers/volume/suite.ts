/** What every driver of volumes must do, on a real file system. Called by volume.test.ts for each. */
import assert from "node:assert/strict";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { OpError } from "../../errors/op-error.ts";
import type { VolumePool, VolumeWish } from "./port.ts";

const mib = 2 ** 20;
const plain: VolumeWish = { owner: undefined };

/** What a pool of this kind is to be able to do. */
export interface Expected {
  readonly kind: VolumePool["kind"];
  readonly sharesBlocks: boolean;
  readonly enforcesSize: boolean;
  readonly isAtomic: boolean;
}

export async function checkPool(t: TestContext, pool: VolumePool, home: string, expected: Expected): Promise<void> {
  await t.test("it knows what it can do", () => {
    const { kind, sharesBlocks, noFixedSize } = pool;
    assert.deepEqual(
      { kind, sharesBlocks, enforcesSize: noFixedSize === undefined },
      { kind: expected.kind, sharesBlocks: expected.sharesBlocks, enforcesSize: expected.enforcesSize },
      noFixedSize,
    );
  });
  await t.test("a volume is made once, belongs to its owner, and is emptied with all that is in it", () =>
    checkLife(pool, join(home, "life", "shop", "shop-1")),
  );
  await t.test("a copy has what the volume had, and neither sees the other's changes", () =>
    checkCopy(pool, home, expected),
  );
  await t.test("a plain directory from before there were volumes can be copied and removed", () =>
    checkPlainDirectory(pool, home),
  );
  await t.test("a size holds, can grow while it is written to, and never falls below what is used", () =>
    checkSize(pool, home, expected),
  );
  await t.test("a copy that is given up leaves nothing after it is removed", () => checkGivenUp(pool, home));
}

async function checkLife(pool: VolumePool, volume: string): Promise<void> {
  const owner = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
  await pool.create(volume, { owner });
  const { uid, mode } = await stat(volume);
  assert.equal(uid, owner?.uid ?? process.getuid?.());
  assert.equal(mode & 0o005, 0o005, "the server's user can walk through");
  await writeFile(join(volume, "file"), "kept");
  await pool.create(volume, { owner });
  assert.equal(await readFile(join(volume, "file"), "utf8"), "kept");
  await mkdir(join(volume, "data", "base"), { recursive: true });
  await writeFile(join(volume, "data", "base", "1"), Buffer.alloc(4 * mib, 1));
  const usage = await pool.usage(volume);
  assert.ok(usage.usedBytes >= 3 * mib && usage.usedBytes < 8 * mib, `${usage.usedBytes} bytes used`);
  assert.equal(usage.limitBytes, undefined);
  assert.ok(usage.freeBytes > 16 * mib);
  await pool.remove(volume);
  await assert.rejects(stat(volume));
  await pool.remove(volume);
}

async function checkCopy(pool: VolumePool, home: string, { isAtomic, sharesBlocks }: Expected): Promise<void> {
  const [source, target] = [join(home, "copy", "from"), join(home, "copied", "deep", "to")];
  await pool.create(source, plain);
  await mkdir(join(source, "data"));
  await writeFile(join(source, "data", "big"), Buffer.alloc(48 * mib, 7), { flush: true });
  await writeFile(join(source, "data", "small"), "before");
  assert.equal(await pool.isAtomic(source), isAtomic);
  const before = await pool.usage(source);
  await pool.copy(source, target, plain, AbortSignal.timeout(30_000));
  await writeFile(join(source, "data", "small"), "after");
  assert.equal(await readFile(join(target, "data", "small"), "utf8"), "before");
  await writeFile(join(target, "data", "small"), "of the copy");
  assert.equal(await readFile(join(source, "data", "small"), "utf8"), "after");
  assert.ok((await readFile(join(target, "data", "big"))).equals(Buffer.alloc(48 * mib, 7)));
  const taken = before.freeBytes - (await pool.usage(source)).freeBytes;
  if (sharesBlocks) assert.ok(taken < 16 * mib, `a copy that shares its blocks took ${taken} bytes`);
  await assert.rejects(pool.copy(source, target, plain, AbortSignal.timeout(30_000)), /exists already/);
  await pool.remove(target);
  await pool.remove(source);
}

async function checkPlainDirectory(pool: VolumePool, home: string): Promise<void> {
  const [source, target] = [join(home, "plain", "shop-1"), join(home, "plain", "copy")];
  await mkdir(source, { recursive: true });
  await writeFile(join(source, "file"), "x".repeat(mib));
  assert.equal(await pool.isAtomic(source), false);
  assert.ok((await pool.usage(source)).usedBytes >= mib);
  await pool.create(source, plain);
  await pool.copy(source, target, plain, AbortSignal.timeout(30_000));
  assert.equal((await stat(join(target, "file"))).size, mib);
  for (const volume of [source, target]) await pool.remove(volume);
  await assert.rejects(stat(source));
}

async function checkSize(pool: VolumePool, home: string, { enforcesSize }: Expected): Promise<void> {
  const volume = join(home, "sized", "shop-1");
  await pool.create(volume, { owner: undefined, sizeBytes: 32 * mib });
  const fill = (name: string, megabytes: number): Promise<void> =>
    writeFile(join(volume, name), Buffer.alloc(megabytes * mib, 5), { flush: true });
  await fill("first", 16);
  if (!enforcesSize) {
    assert.equal((await pool.usage(volume)).limitBytes, undefined);
    await fill("second", 24);
    await pool.resize(volume, 16 * mib);
    return pool.remove(volume);
  }
  const { limitBytes, freeBytes } = await pool.usage(volume);
  assert.equal(limitBytes, 32 * mib);
  assert.ok(freeBytes <= 17 * mib, `${freeBytes} bytes free`);
  // The errno of a quota has no name in Node.
  await assert.rejects(fill("second", 24), /ENOSPC|EDQUOT|-122/);
  await rm(join(volume, "second"), { force: true });
  await pool.resize(volume, 64 * mib);
  await fill("second", 24);
  assert.equal((await pool.usage(volume)).limitBytes, 64 * mib);
  await assert.rejects(
    pool.resize(volume, 20 * mib),
    (error) => error instanceof OpError && error.code === "bad-value",
  );
  assert.equal((await pool.usage(volume)).limitBytes, 64 * mib);
  // A volume of the same name begins without what the one before it was held to.
  await pool.remove(volume);
  await pool.create(volume, plain);
  assert.equal((await pool.usage(volume)).limitBytes, undefined);
  await pool.remove(volume);
}

async function checkGivenUp(pool: VolumePool, home: string): Promise<void> {
  const [source, target] = [join(home, "given-up", "from"), join(home, "given-up", "to")];
  await pool.create(source, plain);
  await writeFile(join(source, "file"), Buffer.alloc(8 * mib, 1));
  const given = new AbortController();
  const copying = pool.copy(source, target, plain, given.signal);
  given.abort(new Error("given up"));
  await assert.rejects(copying, /given up|abort/i);
  await pool.remove(target);
  await assert.rejects(stat(target));
  await pool.remove(source);
}
