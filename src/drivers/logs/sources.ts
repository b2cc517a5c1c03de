/** Which log files there are on this host, stream by stream: files of one kind that follow each other. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { LogOrigin } from "./understand.ts";

/** One process's log in one form: what is in its files comes one after the other. */
export interface LogStream {
  readonly key: string;
  readonly origin: LogOrigin;
  /** oldest first */
  readonly files: readonly LogFileState[];
}

export interface LogFileState {
  readonly path: string;
  /** a file that was renamed has the same */
  readonly id: number;
  readonly size: number;
  readonly writtenAt: number;
}

/** A member's directory has its servers' logs in `log`: jsonlog, plain text, and what a start says. */
export async function memberStreams(directory: string, cluster: string, member: string): Promise<readonly LogStream[]> {
  const origin = { process: "postgres", cluster, member } as const;
  const log = join(directory, "log");
  const names = await readdir(log).catch(() => []);
  const kinds = [
    ["json", (name: string) => name.endsWith(".json")],
    ["text", (name: string) => name.endsWith(".log") && name !== "startup.log"],
    ["startup", (name: string) => name === "startup.log"],
  ] as const;
  return Promise.all(
    kinds.map(([kind, fits]) =>
      streamOf(
        `${member} ${kind}`,
        origin,
        names.filter(fits).map((name) => join(log, name)),
      ),
    ),
  );
}

const own = /^(agent|router|guard|relay|etcd)\.log(\.\d+)?$/;
const pooler = /^pool-(.+)\.log(\.\d+)?$/;

/** The home has the logs of the host's processes; a pooler is of one cluster. */
export async function processStreams(home: string): Promise<readonly LogStream[]> {
  const groups = new Map<string, { readonly origin: LogOrigin; readonly paths: string[] }>();
  for (const name of await readdir(home).catch(() => [])) {
    const origin = originOf(name);
    if (!origin) continue;
    const key = origin.cluster === null ? origin.process : `${origin.process} ${origin.cluster}`;
    const group = groups.get(key) ?? { origin, paths: [] };
    groups.set(key, group);
    group.paths.push(join(home, name));
  }
  return Promise.all([...groups].map(([key, { origin, paths }]) => streamOf(`${key} -`, origin, paths)));
}

/** What a backup that is under way says; its file goes when it ends. */
export async function backupStreams(directory: string, cluster: string): Promise<readonly LogStream[]> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith(".log"));
  const origin = { process: "pgbackrest", cluster, member: null } as const;
  return names.length === 0
    ? []
    : [
        await streamOf(
          `pgbackrest ${cluster}`,
          origin,
          names.map((name) => join(directory, name)),
        ),
      ];
}

function originOf(name: string): LogOrigin | undefined {
  const [, process] = own.exec(name) ?? [];
  switch (process) {
    case "agent":
    case "router":
    case "guard":
    case "relay":
    case "etcd":
      return { process, cluster: null, member: null };
    default: {
      const [, cluster] = pooler.exec(name) ?? [];
      return cluster === undefined ? undefined : { process: "pgbouncer", cluster, member: null };
    }
  }
}

export async function streamOf(key: string, origin: LogOrigin, paths: readonly string[]): Promise<LogStream> {
  const states = await Promise.all(paths.map(stateOf));
  const files = states.filter((file) => file !== undefined);
  return { key, origin, files: files.toSorted((a, b) => a.writtenAt - b.writtenAt || (a.path < b.path ? -1 : 1)) };
}

/** The number of a file that went is soon another one's; 53 bits, as numbers hold. */
function idOf(inode: number, bornAtMs: number): number {
  return (inode % 2 ** 21) * 2 ** 32 + (Math.floor(bornAtMs) % 2 ** 32);
}

async function stateOf(path: string): Promise<LogFileState | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile()
    ? { path, id: idOf(found.ino, found.birthtimeMs), size: found.size, writtenAt: found.mtimeMs }
    : undefined;
}
