/**
 * Makes the data directories of a new cluster, or of a new member before it has anything to copy from: copies of the
 * template under one new identity. Called by the agent when it creates a cluster. What it leaves behind when it is
 * interrupted has `.partial` at the end of its name and may be removed at any time.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { OpError } from "../../../errors/op-error.ts";
import type { ServerOwner } from "../port.ts";
import { renewIdentity } from "./control-file.ts";
import { partialName, syncDirectory, syncFileSystem } from "./durable.ts";
import type { Template } from "./template.ts";

export interface CreateRequest {
  readonly template: Template;
  readonly owner: ServerOwner | undefined;
  /** data directories that do not exist yet; their parents are made, and belong to the owner */
  readonly directories: readonly string[];
  /** of an existing cluster; a new one is drawn otherwise */
  readonly systemIdentifier?: bigint;
  readonly signal: AbortSignal;
}

const copyTimeoutMs = 120_000;
const run = promisify(execFile);

/**
 * All directories, durable on disk, or an error and none under its final name that was not there before.
 * @returns the system identifier that all of them carry
 */
export async function createDirectories(request: CreateRequest): Promise<bigint> {
  for (const directory of request.directories) await refuseExisting(directory);
  const systemIdentifier = request.systemIdentifier ?? newSystemIdentifier();
  const nonce = randomBytes(32);
  const partials = request.directories.map(partialName);
  try {
    await allOf(partials.map((partial) => copyAs(request, partial, systemIdentifier, nonce)));
    // Once for all, and before the final names: a name without `.partial` says that everything in it is on disk.
    await syncFileSystem(partials, request.signal);
    for (const directory of request.directories) await rename(partialName(directory), directory);
    for (const parent of new Set(request.directories.map((directory) => dirname(directory))))
      await syncDirectory(parent);
  } catch (error) {
    await Promise.all(partials.map((partial) => rm(partial, { recursive: true, force: true })));
    throw error;
  }
  return systemIdentifier;
}

/** Whatever is there may be somebody's only copy (I9). */
async function refuseExisting(directory: string): Promise<void> {
  if ((await stat(directory).catch(() => undefined)) === undefined) return;
  throw new OpError("engine-failed", {
    message: `data directory "${directory}" exists already`,
    hint: "It was left by another cluster. Move it away or remove it, and try again.",
  });
}

async function copyAs(request: CreateRequest, partial: string, systemIdentifier: bigint, nonce: Buffer): Promise<void> {
  await copyTemplate(request, partial);
  await renewIdentity(partial, systemIdentifier, nonce);
  await renewSegments(partial, systemIdentifier);
}

/** Unlike Promise.all it lets every one end before it fails: nothing may still be writing when the rest is removed. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/**
 * Seconds since 1970 in the upper half, as initdb does it, so that people can see the age; the rest is chance.
 * Source: BootStrapXLOG() in xlog.c.
 */
export function newSystemIdentifier(): bigint {
  return (BigInt(Math.floor(Date.now() / 1000)) << 32n) | BigInt(randomBytes(4).readUInt32LE());
}

/** `cp` beats every copy made from Node here, by far: no thread-pool hop and no chown per file. */
async function copyTemplate({ template, owner, signal }: CreateRequest, partial: string): Promise<void> {
  await makeOwnedDirectory(dirname(partial), owner);
  await rm(partial, { recursive: true, force: true });
  // Clones where the file system can, else copies; -a keeps owner and modes.
  const how = process.platform === "darwin" ? ["-a", "-c"] : ["-a", "--reflink=auto"];
  try {
    await run("cp", [...how, template.directory, partial], { signal, timeout: copyTimeoutMs });
  } catch (error) {
    signal.throwIfAborted();
    throw new OpError("engine-failed", {
      message: `could not copy the template to "${partial}"`,
      detail: error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error),
      cause: error,
    });
  }
}

/** What is made above a data directory lets the owner pass, whatever the umask; the last level is the owner's own. */
async function makeOwnedDirectory(directory: string, owner: ServerOwner | undefined): Promise<void> {
  const firstMade = await mkdir(directory, { recursive: true });
  if (firstMade === undefined || owner === undefined) return;
  for (let made = directory; made.startsWith(firstMade); made = dirname(made)) await chmod(made, 0o755);
  await chown(directory, owner.uid, owner.gid);
}

/** Every segment names the system in the long header of its first page, which no checksum covers (xlog_internal.h). */
export async function renewSegments(dataDirectory: string, systemIdentifier: bigint): Promise<void> {
  const walDirectory = join(dataDirectory, "pg_wal");
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(systemIdentifier);
  for (const name of await readdir(walDirectory)) {
    if (!/^[0-9A-F]{24}$/.test(name)) continue;
    const segment = await open(join(walDirectory, name), "r+");
    try {
      await segment.write(bytes, 0, bytes.length, 24);
    } finally {
      await segment.close();
    }
  }
}
