import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { finishSwap, putInPlace, swapPaths, type SwapPaths } from "./swap.ts";

async function inTemporary(run: (paths: SwapPaths, home: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "mtr-swap-"));
  try {
    await run(swapPaths(join(home, "data")), home);
  } finally {
    await rm(home, { recursive: true });
  }
}

async function make(path: string, content: string): Promise<void> {
  await mkdir(path);
  await writeFile(join(path, "who"), content);
}

const whoIs = (path: string): Promise<string> => readFile(join(path, "who"), "utf8");

test("swap: the new directory takes the place, the old one is kept", () =>
  inTemporary(async (paths, home) => {
    await make(paths.data, "old");
    await make(paths.building, "new");
    await putInPlace(paths);
    assert.deepEqual([await whoIs(paths.data), await whoIs(paths.kept)], ["new", "old"]);
    assert.deepEqual((await readdir(home)).sort(), ["data", "data.kept"]);
  }));

test("swap: cut short while building, the old directory stays in place", () =>
  inTemporary(async (paths, home) => {
    await make(paths.data, "old");
    await make(paths.building, "half");
    await finishSwap(paths);
    assert.equal(await whoIs(paths.data), "old");
    assert.deepEqual(await readdir(home), ["data"]);
  }));

test("swap: cut short at each later step, it goes forward and keeps the old one", async () => {
  const cuts: readonly ((paths: SwapPaths) => Promise<void>)[] = [
    async () => undefined,
    async (paths) => rename(paths.data, paths.kept),
  ];
  for (const cut of cuts) {
    await inTemporary(async (paths, home) => {
      await make(paths.data, "old");
      await make(paths.ready, "new");
      await cut(paths);
      await finishSwap(paths);
      assert.deepEqual([await whoIs(paths.data), await whoIs(paths.kept)], ["new", "old"]);
      assert.deepEqual((await readdir(home)).sort(), ["data", "data.kept"]);
    });
  }
});

test("swap: a directory that never streamed makes way, the one kept before it stays", () =>
  inTemporary(async (paths) => {
    await make(paths.kept, "good");
    await make(paths.data, "never streamed");
    await make(paths.building, "new");
    await putInPlace(paths);
    assert.deepEqual([await whoIs(paths.data), await whoIs(paths.kept)], ["new", "good"]);
  }));

test("swap: nothing there is nothing to do", () =>
  inTemporary(async (paths, home) => {
    await finishSwap(paths);
    assert.deepEqual(await readdir(home), []);
  }));
