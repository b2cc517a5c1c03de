/**
 * What this host's etcd has on disk, under the agent's home. A root agent runs it as the user that Debian's package
 * makes for it: its directory belongs to that user, and it gets a copy of the host's certificate there, which is taken
 * anew when the host's is renewed (etcd reads it for each connection). Used by the files of this folder.
 */
import { execFile } from "node:child_process";
import { chown, copyFile, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { OpError } from "../../errors/op-error.ts";

export interface EtcdFiles {
  readonly directory: string;
  readonly data: string;
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly state: string;
  readonly pid: string;
  readonly log: string;
  readonly snapshot: string;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export function etcdFiles(home: string): EtcdFiles {
  const directory = join(home, "etcd");
  return {
    directory,
    data: join(directory, "data"),
    tls: { ca: join(directory, "ca.crt"), cert: join(directory, "host.crt"), key: join(directory, "host.key") },
    state: join(home, "etcd.json"),
    pid: join(home, "etcd.pid"),
    log: join(home, "etcd.log"),
    snapshot: join(home, "etcd.snapshot"),
  };
}

/**
 * Written before the first start, so that a start which was interrupted goes on, and one whose data are gone never makes
 * a second, empty cluster of the same name.
 */
const stateSchema = z.strictObject({
  /** alone: the others are lost for good, and a person has said so */
  phase: z.enum(["founding", "joining", "member", "alone", "removed"]),
  token: z.string(),
  initialCluster: z.string(),
  /** client URLs of the other members, as far as they are known */
  others: z.array(z.string()),
});
export type EtcdState = z.infer<typeof stateSchema>;

export async function readState({ state }: EtcdFiles): Promise<EtcdState | undefined> {
  const text = await readFile(state, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new OpError("etcd-failed", {
      message: `"${state}" cannot be read`,
      detail: "It tells how this host's etcd came to its data.",
      hint: "Restore it from a backup, or remove the host from another one and join again.",
      cause,
    });
  }
}

export async function writeState({ state }: EtcdFiles, value: EtcdState): Promise<void> {
  await writeFile(`${state}.new`, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${state}.new`, state);
}

export async function hasData({ data }: EtcdFiles): Promise<boolean> {
  return (await readdir(join(data, "member")).catch(() => [])).length > 0;
}

/** Those that its log begins with at the next start; empty as long as that begins with its first entry. */
export async function snapshotNames({ data }: EtcdFiles): Promise<readonly string[]> {
  return (await readdir(join(data, "member", "snap")).catch(() => [])).filter((name) => name.endsWith(".snap"));
}

/** @returns where it is now; only the newest is kept */
export async function putAside({ directory, data }: EtcdFiles): Promise<string | undefined> {
  const aside = join(directory, "put-aside");
  await rm(aside, { recursive: true, force: true });
  return rename(data, aside).then(
    () => aside,
    () => undefined,
  );
}

/** Directory and certificates, as the server's user needs them. @returns whether a certificate was new */
export async function prepareFiles(home: string, files: EtcdFiles, owner: Owner | undefined): Promise<boolean> {
  await mkdir(files.directory, { recursive: true, mode: 0o700 });
  if (owner) await chown(files.directory, owner.uid, owner.gid);
  const copies = [
    [join(home, "ca", "ca.crt"), files.tls.ca],
    [join(home, "host", "host.key"), files.tls.key],
    [join(home, "host", "host.crt"), files.tls.cert],
  ] as const;
  let isNew = false;
  for (const [from, to] of copies) isNew = (await copyIfNew(from, to, owner)) || isNew;
  return isNew;
}

async function copyIfNew(from: string, to: string, owner: Owner | undefined): Promise<boolean> {
  const [wanted, present] = [await readFile(from), await readFile(to).catch(() => undefined)];
  if (present?.equals(wanted) === true) return false;
  await writeFile(`${to}.new`, wanted, { mode: 0o600 });
  if (owner) await chown(`${to}.new`, owner.uid, owner.gid);
  await rename(`${to}.new`, to);
  return true;
}

/** The server appends to it, and has it open for as long as it runs. */
export async function boundLog({ log }: EtcdFiles, bytesMax = 10_000_000): Promise<void> {
  const size = (await stat(log).catch(() => undefined))?.size ?? 0;
  if (size <= bytesMax) return;
  await copyFile(log, `${log}.1`);
  await truncate(log);
}

/** Why it ended, as it says; else the end of what it has written. */
export async function lastWords({ log }: EtcdFiles): Promise<string> {
  const lines = (await readFile(log, "utf8").catch(() => "")).trimEnd().split("\n").slice(-100);
  const complaint = lines.findLast((line) => /"level":"(error|panic|fatal)"/.test(line));
  return complaint === undefined ? lines.slice(-3).join("\n").slice(-1000) : readable(complaint);
}

function readable(line: string): string {
  try {
    const { msg, error } = complaintSchema.parse(JSON.parse(line));
    return error === undefined ? msg : `${msg}: ${error}`;
  } catch {
    return line.slice(0, 1000);
  }
}

const complaintSchema = z.object({ msg: z.string(), error: z.string().optional() });

/** @returns undefined when the agent is not root, or there is no such user: then it runs as the agent does */
export async function etcdOwner(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  try {
    const { stdout } = await promisify(execFile)("getent", ["passwd", "etcd"], { timeout: 5000 });
    const [, , uid, gid] = stdout.trim().split(":").map(Number);
    return uid !== undefined && uid > 0 && gid !== undefined && gid > 0 ? { uid, gid } : undefined;
  } catch {
    return undefined;
  }
}
