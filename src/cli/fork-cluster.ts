/** `fork` and `restore`: ask for the copy and follow it, as `create` does, and say what is in it. */
import { readFile } from "node:fs/promises";
import { scriptLettersMax, type ForkWish } from "../contract/storage.ts";
import { OpError } from "../errors/op-error.ts";
import type { CommandContext, Outcome } from "./context.ts";
import { followCreate } from "./create-cluster.ts";
import { readPassword } from "./password-file.ts";

export interface TargetOptions {
  readonly at?: string | undefined;
  readonly name?: string | undefined;
  readonly lsn?: string | undefined;
  readonly xid?: string | undefined;
  readonly exclusive?: true | undefined;
}

export interface CopyOptions extends TargetOptions {
  readonly snapshot?: string | undefined;
  readonly backup?: string | undefined;
  readonly fromRepository?: true | undefined;
  readonly member?: string | undefined;
  readonly members?: number | undefined;
  readonly expires?: number | undefined;
  readonly port?: number | undefined;
  readonly passwordFile?: string | undefined;
  readonly anonymize?: string | undefined;
  readonly database?: string | undefined;
  readonly detach?: true | undefined;
}

export async function forkCluster(
  context: CommandContext,
  source: string,
  name: string,
  options: CopyOptions,
): Promise<Outcome> {
  const wish = await toWish(name, options);
  const begun = await (await context.client()).fork(source, wish);
  return followCreate(context, name, begun, { detach: options.detach });
}

interface RestoreOptions extends CopyOptions {
  readonly dryRun?: true | undefined;
}

export async function restoreCluster(
  context: CommandContext,
  source: string,
  name: string | undefined,
  options: RestoreOptions,
): Promise<Outcome> {
  if (options.dryRun) throw new OpError("usage", { message: "--dry-run is for --in-place and --undo" });
  if (name === undefined)
    throw new OpError("usage", {
      message: "what is to become of it is not said",
      hint: `Name the new cluster: matriarch restore ${source} NEW. To put "${source}" itself back: --in-place`,
    });
  const wish = await toWish(name, options);
  const client = await context.client();
  const begun = await client.restore(source, wish).catch((error: unknown) => {
    throw name === source ? sameName(source, error) : error;
  });
  return followCreate(context, name, begun, { detach: options.detach });
}

/** Of a cluster that is gone a copy may have the name; the one that there is was meant to be put back itself. */
function sameName(source: string, error: unknown): unknown {
  if (!(error instanceof OpError) || error.code !== "cluster-exists") return error;
  const { message, cause } = error;
  return new OpError("cluster-exists", {
    message,
    hint: `To put "${source}" itself back: matriarch restore ${source} --in-place. For a copy of it choose another name.`,
    cause,
  });
}

async function toWish(name: string, options: CopyOptions): Promise<ForkWish> {
  const { snapshot, backup, fromRepository, member, members, expires, port, passwordFile } = options;
  const script = await readScript(options);
  const password = passwordFile === undefined ? undefined : await readPassword(passwordFile);
  const elsewhere = { backup, from_repository: fromRepository };
  const given = {
    snapshot,
    ...elsewhere,
    member,
    members,
    expires_ms: expires,
    port,
    password,
    script,
    ...targetOf(options),
  };
  return { name, ...present(given) };
}

export function targetOf({ at, name: point, lsn, xid, exclusive }: TargetOptions) {
  return { at, point, lsn, xid, exclusive };
}

export function present(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

async function readScript({ anonymize: file, database }: CopyOptions): Promise<ForkWish["script"]> {
  if (file === undefined) {
    if (database === undefined) return undefined;
    throw new OpError("usage", { message: "--database says where --anonymize runs, which is not given" });
  }
  const sql = await readFile(file === "-" ? "/dev/stdin" : file, "utf8").catch((cause: unknown) => {
    const why = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new OpError("usage", { message: `the script "${file}" cannot be read: ${why}`, cause });
  });
  refuseScript(file, sql);
  return { sql, ...(database !== undefined && { database }) };
}

function refuseScript(file: string, sql: string): void {
  if (sql.trim() === "") throw new OpError("usage", { message: `the script "${file}" is empty` });
  if (sql.length > scriptLettersMax)
    throw new OpError("usage", {
      message: `the script "${file}" is too long`,
      detail: `It has ${sql.length} characters, and ${scriptLettersMax} are taken.`,
    });
  const line = sql.split("\n").findIndex((text) => /^\s*\\[a-z!?]/i.test(text));
  if (line < 0) return;
  throw new OpError("usage", {
    message: `line ${line + 1} of the script "${file}" is a command of psql`,
    detail: "The server runs the script itself, and knows SQL alone.",
    hint: "Write it as SQL; COPY takes no data from a script.",
  });
}
