/**
 * Log that other hosts have archived: while a cluster's primary was there it archived there. Each host offers what it has
 * to the others, and the host of the primary brings what is missing into its own archive, so that a restore finds the
 * whole log on one host.
 */
import { randomBytes } from "node:crypto";
import { chown, link, open, readFile, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { archivedFileSchema, type ArchivedFileRequest, type ArchivedFile } from "../../../contract/peer.ts";
import { isWalName } from "../../../domain/wal-file.ts";
import { archiveDirectory } from "../../../drivers/postgres/archive/permit.ts";
import type { NeighbourCall } from "../../../drivers/neighbours/port.ts";
import { syncDirectory } from "../../../drivers/postgres/provision/durable.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { Parts } from "../../parts.ts";

const fetchMs = 30_000;
/** A damaged or hostile answer must not fill the memory: the largest segments that Postgres knows are of 1 GB, ours of 16 MB. */
const fileBytesMax = 64 * 2 ** 20;
/** Beside the other hosts' answers, which are told as text. */
const quickly = { level: 1 } as const;

/** What this host has of it; content is null when it has none. */
export async function offerLog(
  { home }: Pick<Parts, "home">,
  { cluster, system_identifier: systemIdentifier, name }: ArchivedFileRequest,
): Promise<ArchivedFile> {
  const path = join(archiveDirectory(home, cluster, systemIdentifier), name);
  const found = isWalName(name) ? await stat(path).catch(() => undefined) : undefined;
  if (found?.isFile() !== true || found.size > fileBytesMax) return { content: null, written_ms: 0 };
  const content = await promisify(gzip)(await readFile(path), quickly);
  return { content: content.toString("base64"), written_ms: Math.floor(found.mtimeMs) };
}

/** What it takes to ask the other hosts. */
export interface CollectParts {
  readonly hosts: {
    readonly self: { readonly name: string } | undefined;
    all(): readonly { readonly name: string }[];
    isHeard(host: string): boolean;
    call(host: string, call: NeighbourCall): Promise<unknown>;
  };
  readonly servers: { readonly owner: { readonly uid: number; readonly gid: number } | undefined };
  readonly log: Pick<Parts["log"], "info">;
  readonly signal: AbortSignal;
}

/** @param archive of this host. What no host has is left out, and so is what a host does not tell now. */
export async function collectLog(parts: CollectParts, archive: string, names: readonly string[]): Promise<void> {
  const { self } = parts.hosts;
  if (self === undefined) return;
  const others = parts.hosts
    .all()
    .flatMap(({ name }) => (name !== self.name && parts.hosts.isHeard(name) ? [name] : []));
  const cluster = basename(dirname(archive));
  for (const name of names)
    for (const host of others) {
      if (parts.signal.aborted) return;
      const request = { cluster, system_identifier: basename(archive), name };
      const file = await ask(parts, host, request);
      if (file === undefined || file.content === null) continue;
      await put(parts, join(archive, name), await unpack(file.content), file.written_ms);
      parts.log.info("log collected from another host", { cluster, host, name });
      break;
    }
}

async function ask(parts: CollectParts, host: string, body: ArchivedFileRequest): Promise<ArchivedFile | undefined> {
  try {
    const call = { method: "POST", path: "/v1/peer/archived-file", body, deadlineMs: fetchMs } as const;
    return archivedFileSchema.parse(await parts.hosts.call(host, call));
  } catch (error) {
    if (!(error instanceof OpError)) throw error;
    return undefined;
  }
}

async function unpack(content: string): Promise<Buffer> {
  return await promisify(gunzip)(Buffer.from(content, "base64"), { maxOutputLength: fileBytesMax });
}

/** Whole, durable, and never in the place of what is there. */
async function put(
  { servers: { owner } }: CollectParts,
  path: string,
  content: Buffer,
  writtenMs: number,
): Promise<void> {
  const part = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString("hex")}`);
  try {
    const file = await open(part, "wx", 0o600);
    await file.writeFile(content);
    await file.sync();
    await file.close();
    await utimes(part, writtenMs / 1000, writtenMs / 1000);
    if (owner !== undefined) await chown(part, owner.uid, owner.gid);
    await link(part, path).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
    await syncDirectory(dirname(path));
  } finally {
    await rm(part, { force: true });
  }
}
