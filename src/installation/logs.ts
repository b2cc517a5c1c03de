/**
 * The members' Postgres logs, wherever the members are: this host's files are read here, those of other hosts by their
 * agents. Called by installation.ts. A reader that goes on says with a cursor how far it has come, so nothing is kept
 * for it here.
 */
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

import type { LogLine, LogLines, LogQuery } from "../contract/logs.ts";
import { logLinesSchema } from "../contract/logs.ts";
import { OpError } from "../errors/op-error.ts";
import type { ClusterRuntime } from "../agent/runtime.ts";
import { clusterOf, memberOf, type Parts } from "./parts.ts";

/** So much of one file is read at once, at most. */
const readBytesMax = 4 * 1024 * 1024;
const otherHostMs = 5000;

export interface LogFile {
  readonly member: string;
  readonly path: string;
}

/** @param query `here`: only members of this host. @throws OpError cluster-not-found, member-not-found */
export async function readLogs(parts: Parts, name: string, query: LogQuery): Promise<LogLines> {
  const cluster = clusterOf(parts, name);
  if (query.member !== undefined) memberOf(cluster, query.member);
  const own = await readLogFiles(await logFilesHere(parts, cluster, query.member), query);
  if (query.here) return own;
  const others = await Promise.all(
    otherHosts(parts, cluster, query.member).map((host) => askHost(parts, host, name, query)),
  );
  const all = [own, ...others];
  return {
    lines: all.flatMap(({ lines }) => lines),
    cursor: Object.assign({}, ...all.map(({ cursor }) => cursor)),
    missing: all.flatMap(({ missing }) => missing),
  };
}

/**
 * Without a cursor the newest lines of each member's newest file; with one what was written since.
 * @param files oldest first
 */
export async function readLogFiles(files: readonly LogFile[], { lines, cursor }: LogQuery): Promise<LogLines> {
  const newest = new Map(files.map(({ member, path }) => [member, path]));
  const parts = await Promise.all(
    files.map(async ({ member, path }) => {
      const key = `${member} ${path.slice(path.lastIndexOf("/") + 1)}`;
      const size = await sizeOf(path);
      if (cursor === undefined) {
        const wanted = newest.get(member) === path ? lines : 0;
        const { text, end } = await readLines(path, Math.max(0, size - readBytesMax), size);
        return { member, key, end, texts: wanted === 0 ? [] : linesOf(text).slice(-wanted) };
      }
      const from = cursor[key] ?? 0;
      // A file that shrank has been begun anew.
      const { text, end } = await readLines(path, size < from ? 0 : from, size);
      return { member, key, end, texts: linesOf(text) };
    }),
  );
  return {
    lines: parts.flatMap(({ member, texts }) => texts.map((line): LogLine => ({ member, line }))),
    cursor: Object.fromEntries(parts.map(({ key, end }) => [key, end])),
    missing: [],
  };
}

async function logFilesHere(
  parts: Parts,
  { name, record }: ClusterRuntime,
  member: string | undefined,
): Promise<readonly LogFile[]> {
  const wanted = Object.keys(record.members).filter((id) => member === undefined || id === member);
  const found = await Promise.all(
    wanted.map(async (id) => {
      const directory = join(parts.clustersDirectory, name, id, "log");
      const names = await readdir(directory).catch(() => []);
      const logs = names.filter((file) => file.endsWith(".log")).toSorted();
      return logs.map((file) => ({ member: id, path: join(directory, file) }));
    }),
  );
  return found.flat();
}

function otherHosts({ hosts }: Parts, { record }: ClusterRuntime, member: string | undefined): readonly string[] {
  if (hosts.self === undefined) return [];
  const { name: self } = hosts.self;
  const wanted = Object.entries(record.members).filter(([id]) => member === undefined || id === member);
  return [...new Set(wanted.map(([, { value }]) => value.host))].filter((host) => host !== self);
}

/** A host that does not answer is named, and keeps back nothing of the others. */
async function askHost(parts: Parts, host: string, name: string, query: LogQuery): Promise<LogLines> {
  const parameters = new URLSearchParams({ lines: String(query.lines), here: "true" });
  if (query.member !== undefined) parameters.set("member", query.member);
  if (query.cursor !== undefined) parameters.set("cursor", JSON.stringify(query.cursor));
  const path = `/v1/clusters/${encodeURIComponent(name)}/logs?${parameters.toString()}`;
  try {
    const as = { by: "matriarch", role: "viewer" } as const;
    const answer = logLinesSchema.safeParse(
      await parts.hosts.call(host, { method: "GET", path, deadlineMs: otherHostMs, as }),
    );
    if (answer.success) return answer.data;
    return { lines: [], cursor: query.cursor ?? {}, missing: [{ host, reason: "its agent is of another version" }] };
  } catch (error) {
    if (!(error instanceof OpError)) throw error;
    return { lines: [], cursor: query.cursor ?? {}, missing: [{ host, reason: error.message }] };
  }
}

/** Whole lines alone; `end` is behind the last of them. */
async function readLines(path: string, from: number, to: number): Promise<{ text: string; end: number }> {
  if (to <= from) return { text: "", end: to };
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(Math.min(to - from, readBytesMax));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
    const complete = buffer.lastIndexOf(0x0a, bytesRead - 1) + 1;
    return { text: buffer.toString("utf8", 0, complete), end: from + complete };
  } finally {
    await file.close();
  }
}

/** A log that does not exist any more is empty. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.slice(0, -1).split("\n");
}
