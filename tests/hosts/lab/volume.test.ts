/** The laboratory's volumes: full is full, hanging hangs, and both end. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { whyNoLab } from "./able.ts";
import { canWrite, Volume } from "./volume.ts";

describe("fault laboratory: volume", { skip: whyNoLab() }, () => {
  let scratch: string;
  let volume: Volume;
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "mfv-"));
    await mkdir(join(scratch, "at"));
    volume = await Volume.mount(join(scratch, "at"), join(scratch, "image"), 32);
  });
  after(async () => {
    await volume.remove();
    await rm(scratch, { recursive: true, force: true });
  });

  test("a full volume refuses writes, an emptied one takes them", async () => {
    assert.equal(await canWrite(volume, 5000), true);
    await volume.fill();
    assert.equal(await canWrite(volume, 5000), false);
    await volume.empty();
    assert.equal(await canWrite(volume, 5000), true);
  });

  test("a stalled volume lets writes hang until it is released", async () => {
    await volume.stall();
    assert.equal(await canWrite(volume, 300), false);
    await volume.release();
    assert.equal(await canWrite(volume, 5000), true);
  });
});
