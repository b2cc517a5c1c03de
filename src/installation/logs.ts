/**
 * The logs of the processes, wherever they run: this host's files are read here, those of other hosts by their agents.
 * Called by installation.ts. A reader that goes on says with a cursor how far it has come, so nothing is kept for it here.
 */
import { dirname } from "node:path";

import type { ClusterRuntime } from "../agent/runtime.ts";
import { logLinesSchema, type LogLine, type LogLines, type LogQuery } from "../contract/logs.ts";
import { compareLogs, type LogFilter } from "../domain/log-record.ts";
import { readNewest, readSince, type LogCursor } from "../drivers/logs/read.ts";
import { backupStreams, memberStreams, processStreams, type LogStream } from "../drivers/logs/sources.ts";
import { runDirectory } from "../drivers/pgbackrest/places.ts";
import { OpError } from "../errors/op-error.ts";
import { clusterOf, isHere, memberOf, type Parts } from "./parts.ts";

const otherHostMs = 5000;

/**
 * @param name undefined: of the hosts' own processes, for whatever cluster
 * @throws OpError cluster-not-found, member-not-found
 */
export async function readLogs(parts: Parts, name: string | undefined, query: LogQuery): Promise<LogLines> {
  const cluster = name === undefined ? undefined : clusterOf(parts, name);
  if (cluster && query.member !== undefined) memberOf(cluster, query.member);
  const streams = cluster ? await streamsOf(parts, cluster, query.member) : await processStreams(parts.home);
  const host = parts.hosts.self?.name ?? null;
  const own = await readStreams(streams, query, { host, cluster: name });
  if (query.here || host === null) return own;
  const others = parts.hosts.all().filter((other) => other.name !== host && isAsked(cluster, query, other.name));
  return merged([own, ...(await Promise.all(others.map((other) => askHost(parts, other.name, name, query))))], query);
}

export interface LogPlace {
  readonly host: string | null;
  readonly cluster: string | undefined;
}

/** Without a cursor the newest lines; with one what was written since. Cursors name their host: answers are put together. */
export async function readStreams(
  streams: readonly LogStream[],
  { limit, cursor, since, until, level, grep, process }: LogQuery,
  { host, cluster }: LogPlace,
): Promise<LogLines> {
  const filter: LogFilter = {
    since,
    until,
    level,
    grep,
    cluster,
    ...(process === undefined ? {} : { processes: [process] }),
  };
  const named = streams.map((stream) => ({ ...stream, key: `${host ?? ""}/${stream.key}` }));
  const page =
    cursor === undefined ? await readNewest(named, filter, limit) : await readSince(named, readCursor(cursor), filter);
  return {
    lines: page.records.map((record): LogLine => ({ ...record, host, fields: { ...record.fields } })),
    cursor: writeCursor(page.cursor),
    has_more: page.hasMore,
    missing: [],
  };
}

/** Its members' servers, what serves it, and what the host's processes say of it. */
async function streamsOf(parts: Parts, { name, record }: ClusterRuntime, member: string | undefined) {
  const members = Object.values(record.members).filter(({ value }) => isHere(parts, value));
  const wanted = members.filter(({ value }) => member === undefined || value.id === member);
  const servers = await Promise.all(
    wanted.map(({ value }) => memberStreams(dirname(value.dataDirectory), name, value.id)),
  );
  if (member !== undefined) return servers.flat();
  const processes = await processStreams(parts.home);
  return [
    ...servers.flat(),
    ...processes.filter(({ origin }) => origin.cluster === null || origin.cluster === name),
    ...(await backupStreams(runDirectory(parts, name), name)),
  ];
}

function isAsked(cluster: ClusterRuntime | undefined, { member }: LogQuery, host: string): boolean {
  if (!cluster || member === undefined) return true;
  return cluster.record.members[member]?.value.host === host;
}

function merged(answers: readonly LogLines[], { limit, cursor }: LogQuery): LogLines {
  const lines = answers.flatMap((answer) => answer.lines).toSorted(compareLogs);
  return {
    lines: cursor === undefined && lines.length > limit ? lines.slice(lines.length - limit) : lines,
    cursor: Object.assign({}, ...answers.map((answer) => answer.cursor)),
    has_more: answers.some((answer) => answer.has_more),
    missing: answers.flatMap(({ missing }) => missing),
  };
}

/** A host that does not answer is named, and keeps back nothing of the others. */
async function askHost(parts: Parts, host: string, name: string | undefined, query: LogQuery): Promise<LogLines> {
  const { cursor, here: _, ...rest } = query;
  // Of the cursor only what is that host's: another's positions mean nothing there.
  const its = cursor && Object.fromEntries(Object.entries(cursor).filter(([key]) => key.startsWith(`${host}/`)));
  const parameters = new URLSearchParams({ here: "true" });
  for (const [key, value] of Object.entries(rest)) if (value !== undefined) parameters.set(key, String(value));
  if (its) parameters.set("cursor", JSON.stringify(its));
  const of = name === undefined ? "" : `/clusters/${encodeURIComponent(name)}`;
  const without = (reason: string): LogLines => ({
    lines: [],
    cursor: its ?? {},
    has_more: false,
    missing: [{ host, reason }],
  });
  try {
    const as = { by: "matriarch", role: name === undefined ? "operator" : "viewer" } as const;
    const call = {
      method: "GET",
      path: `/v1${of}/logs?${parameters.toString()}`,
      deadlineMs: otherHostMs,
      as,
    } as const;
    const answer = logLinesSchema.safeParse(await parts.hosts.call(host, call));
    return answer.success ? answer.data : without("its agent is of another version");
  } catch (error) {
    if (!(error instanceof OpError)) throw error;
    return without(error.message);
  }
}

function writeCursor(cursor: LogCursor): LogLines["cursor"] {
  return Object.fromEntries(Object.entries(cursor).map(([key, [file, at]]) => [key, `${file}:${at}`]));
}

function readCursor(cursor: LogLines["cursor"]): LogCursor {
  return Object.fromEntries(
    Object.entries(cursor).map(([key, text]) => {
      const [file = 0, at = 0] = text.split(":").map(Number);
      return [key, [file, at] as const];
    }),
  );
}
