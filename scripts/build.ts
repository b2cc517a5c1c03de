/**
 * Bundles what runs: cli, agent, router, relay and guard in dist/, and the chunks that they load when needed. Called by the
 * launcher and by `npm run build`. Chunks have names by content and the old ones stay for a while, so that a running
 * agent still finds its own; entries are replaced by renaming, so that no half file is ever run.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const oldChunksKeptMs = 7 * 24 * 3_600_000;

try {
  await build();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function build(): Promise<void> {
  const startedAt = new Date();
  mkdirSync(join(root, ".cache"), { recursive: true });
  const work = mkdtempSync(join(root, ".cache", "build-"));
  try {
    await bundle(work);
    publish(work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  // The stamp is as old as the start of the build: a source that changed meanwhile is newer and is built next time.
  const stamp = join(dist, ".stamp");
  writeFileSync(stamp, "");
  utimesSync(stamp, startedAt, startedAt);
}

async function bundle(directory: string): Promise<void> {
  const names = ["cli", "agent", "router", "relay", "guard"].filter((name) => existsSync(entryFile(name)));
  const bundler = await rolldown({
    cwd: root,
    input: Object.fromEntries(names.map((name) => [name, entryFile(name)])),
    platform: "node",
    // The typed commander is the plain one with better types; only the plain one is installed for users.
    resolve: { alias: { "@commander-js/extra-typings": "commander" } },
    external: ["pg-native"],
    logLevel: "warn",
  });
  await bundler.write({
    dir: directory,
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "chunks/[name]-[hash].mjs",
    minify: { compress: true, mangle: false, codegen: true },
  });
  await bundler.close();
}

function entryFile(name: string): string {
  return join(root, "src", "entry", `${name}.ts`);
}

function publish(work: string): void {
  const chunks = join(dist, "chunks");
  mkdirSync(chunks, { recursive: true });
  const made = existsSync(join(work, "chunks")) ? readdirSync(join(work, "chunks")) : [];
  for (const name of made) renameSync(join(work, "chunks", name), join(chunks, name));
  for (const name of readdirSync(work)) if (name.endsWith(".mjs")) renameSync(join(work, name), join(dist, name));
  for (const name of readdirSync(chunks)) {
    const old = Date.now() - statSync(join(chunks, name)).mtimeMs > oldChunksKeptMs;
    if (old && !made.includes(name)) rmSync(join(chunks, name));
  }
}
