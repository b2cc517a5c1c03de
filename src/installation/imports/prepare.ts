/** What an import begins with: both sides looked at, and the programs found. Called for the checks and for the work. */
import type { ImportWish } from "../../contract/imports.ts";
import type { MemberRecord } from "../../domain/cluster.ts";
import { databaseNameProblem } from "../../domain/names.ts";
import { lookAtSource, type SourceLook } from "../../drivers/postgres/import/look.ts";
import { SourceSession, type SourceServer } from "../../drivers/postgres/import/source.ts";
import { isEmpty, lookAtTarget, type TargetLook } from "../../drivers/postgres/import/target.ts";
import { chooseTools, findClientTools, type ClientTools } from "../../drivers/postgres/import/tools.ts";
import { lookAtAccounts } from "../../drivers/postgres/accounts/admin.ts";
import { isKept } from "../../drivers/postgres/accounts/databases.ts";
import { OpError } from "../../errors/op-error.ts";
import { lookOnPrimary } from "../accounts/primary.ts";
import { refuseBadName } from "../accounts/refusals.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { freeBytesOn } from "../placement/claims.ts";

export interface Prepared {
  readonly cluster: string;
  readonly wish: ImportWish;
  readonly server: SourceServer;
  readonly database: string;
  /** undefined: `sourceProblem` says why */
  readonly source: SourceLook | undefined;
  readonly sourceProblem: OpError | undefined;
  readonly target: TargetLook;
  /** of the database that is to be filled: it is there, and nothing is in it */
  readonly isEmpty: boolean;
  readonly isKept: boolean;
  /** live: the source lets the user in without its password too */
  readonly isOpen: boolean;
  readonly tools: ClientTools | undefined;
  readonly toolMajors: readonly number[];
  /** by host */
  readonly free: ReadonlyMap<string, number | undefined>;
  /** by member: extensions that it has not, and that the primary has */
  readonly lacking: ReadonlyMap<string, readonly string[]>;
  /** of extensions, what is installed in the new database anyway */
  readonly wanted: readonly { readonly name: string; readonly schema: string }[];
}

/** @throws OpError cluster-not-found, no-primary, bad-name: what no check of the source can come before */
export async function prepare(parts: Parts, cluster: string, wish: ImportWish): Promise<Prepared> {
  const server: SourceServer = { ...wish.source, password: wish.source_password };
  const database = wish.database ?? server.database;
  clusterOf(parts, cluster);
  refuseBadName(databaseNameProblem(database), database, "Choose another one with --database.");
  const target = await lookOnPrimary(parts, cluster, lookAtTarget);
  const found = await lookSafely(server);
  const source = found instanceof OpError ? undefined : found;
  const tools = await findClientTools();
  const skipped = new Set(wish.skip_extensions);
  const wanted = (source?.extensions ?? []).filter(({ name }) => !skipped.has(name));
  return {
    cluster,
    wish,
    server,
    database,
    source,
    sourceProblem: found instanceof OpError ? found : undefined,
    target,
    isKept: isKept(database),
    isEmpty:
      target.databases.has(database) && !isKept(database)
        ? await lookOnPrimary(parts, cluster, (admin) => isEmpty(admin, database))
        : false,
    isOpen: wish.live && source !== undefined && (await opensWithout(server)),
    tools: source && chooseTools(tools, majorOf(source.versionNumber)),
    toolMajors: tools.map(({ major }) => major),
    free: await freeBytesOn(parts, membersOf(parts, cluster)),
    lacking: await extensionsLacking(parts, cluster, target, wanted),
    wanted,
  };
}

export function majorOf(versionNumber: number): number {
  return Math.floor(versionNumber / 10_000);
}

async function lookSafely(server: SourceServer): Promise<SourceLook | OpError> {
  try {
    await using session = await SourceSession.open(server);
    return await lookAtSource(session);
  } catch (error) {
    if (error instanceof OpError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new OpError("source-unreachable", { message: `the source cannot be looked at: ${message}`, cause: error });
  }
}

async function opensWithout(server: SourceServer): Promise<boolean> {
  try {
    await using session = await SourceSession.open({ ...server, password: "" });
    return session !== undefined;
  } catch {
    return false;
  }
}

function membersOf(parts: Parts, cluster: string): readonly MemberRecord[] {
  return Object.values(clusterOf(parts, cluster).record.members).map(({ value }) => value);
}

/** A standby that lacks a library breaks the moment that it becomes primary. */
async function extensionsLacking(
  parts: Parts,
  cluster: string,
  target: TargetLook,
  wanted: readonly { readonly name: string }[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const names = wanted.map(({ name }) => name).filter((name) => target.extensions.has(name));
  const lacking = new Map<string, readonly string[]>();
  if (names.length === 0) return lacking;
  const { members, record } = clusterOf(parts, cluster);
  for (const member of members.values()) {
    const port = record.members[member.id]?.value.port;
    if (port === undefined || member.server.kind !== "running") continue;
    const session = { socketDirectory: member.socketDirectory, port };
    const has = await lookAtAccounts(session, (admin) =>
      admin.rows("SELECT name FROM pg_catalog.pg_available_extensions"),
    ).catch(() => undefined);
    const there = new Set(has?.map((row) => row["name"]));
    const missing = names.filter((name) => has !== undefined && !there.has(name));
    if (missing.length > 0) lacking.set(member.id, missing);
  }
  return lacking;
}
