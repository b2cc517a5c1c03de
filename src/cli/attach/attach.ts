/**
 * `attach`: checks where the URI is to go, has it made, hands it over, and says that it was. What fails before the last
 * step leaves an attachment that the same command completes.
 */
import { hostname } from "node:os";

import type { Attached, AttachRequest } from "../../contract/accounts.ts";
import { variablePattern, type AttachmentStatus } from "../../contract/attachment.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Client } from "../client/client.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { renderAttached } from "../output/attachments.ts";
import { openEnvFile, setInFile, takenBy, type EnvFile } from "./env-file.ts";
import type { Owner } from "./env-text.ts";
import { handOver } from "./hand-over.ts";

export interface AttachOptions {
  readonly app: string;
  readonly database?: string | undefined;
  readonly user?: string | undefined;
  readonly role?: AttachRequest["role"];
  readonly variable?: string | undefined;
  readonly envFile?: string | undefined;
  readonly exec?: string | undefined;
  readonly pooled?: boolean | undefined;
  readonly rotate?: true | undefined;
  readonly grace?: number | undefined;
}

export async function attachApp(context: CommandContext, cluster: string, options: AttachOptions): Promise<Outcome> {
  if (options.grace !== undefined && !options.rotate)
    throw new OpError("usage", { message: "--grace is for --rotate: a first password has none before it" });
  if (options.variable !== undefined && !variablePattern.test(options.variable))
    throw new OpError("bad-name", {
      message: `"${options.variable}" cannot be the name of a variable`,
      detail: "It has up to 63 letters, digits and underscores, and does not begin with a digit.",
    });
  const client = await context.client();
  const known = (await client.status(cluster)).attachments.find(({ app }) => app === options.app);
  const path = fileFor(context, options, known);
  const file = path === undefined ? undefined : await openEnvFile(path);
  const variable = options.variable ?? known?.variable ?? "DATABASE_URL";
  if (file) await confirmTaken(context, file, { cluster, app: options.app }, variable);
  const made = await ask(context, client, cluster, toRequest(options));
  const { attachment, connection } = made;
  const { app } = attachment;
  const uri = forLines(connection.uri);
  if (file) await setInFile(file, { cluster, app }, attachment.variable, uri);
  if (options.exec !== undefined) await handOver(options.exec, { variable: attachment.variable, uri });
  const where = file ? { machine: hostname(), path: file.path } : options.rotate ? attachment.env_file : null;
  const told = await client.handedOver(cluster, app, { env_file: where });
  const isShown = file === undefined && options.exec === undefined;
  const result = { ...made, attachment: told, connection: isShown ? connection : withoutPassword(made) };
  const how = { isShown, isRotated: options.rotate === true };
  return { json: result, text: (paint) => renderAttached(cluster, result, how, paint) };
}

function toRequest({ app, database, user, role, variable, pooled, rotate, grace }: AttachOptions): AttachRequest {
  return {
    app,
    ...(database === undefined ? {} : { database }),
    ...(user === undefined ? {} : { user }),
    ...(role === undefined ? {} : { role }),
    ...(variable === undefined ? {} : { variable }),
    ...(pooled === undefined ? {} : { pooled }),
    ...(rotate ? { rotate } : {}),
    ...(grace === undefined ? {} : { grace_ms: grace }),
  };
}

/** A database that exists already is used only when somebody says so. */
async function ask(
  context: CommandContext,
  client: Client,
  cluster: string,
  request: AttachRequest,
): Promise<Attached> {
  try {
    return await client.attach(cluster, { ...request, use_existing: context.flags.yes });
  } catch (error) {
    if (!(error instanceof OpError && error.code === "database-exists" && context.canAsk)) throw error;
    const name = /"(.*)"/s.exec(error.message)?.[1] ?? request.app;
    await context.confirm([error.message, error.detail ?? ""].join("\n"), name);
    return client.attach(cluster, { ...request, use_existing: true });
  }
}

/** What an application reads must not keep an old password because nobody thought of its file. */
function fileFor(
  context: CommandContext,
  { envFile }: AttachOptions,
  known: AttachmentStatus | undefined,
): string | undefined {
  const written = known?.env_file;
  if (envFile !== undefined || !written) return envFile;
  if (written.machine === hostname()) return written.path;
  context.note(`The URI before was written to "${written.path}" on ${written.machine}; replace it there.`);
  return undefined;
}

/** Before anything is made: somebody else's line is put aside only when that is wanted. */
async function confirmTaken(context: CommandContext, file: EnvFile, owner: Owner, variable: string): Promise<void> {
  if (takenBy(file, owner, variable) === undefined) return;
  const plan = `${variable} is set in "${file.path}" already. It is kept there as a comment, and detach puts it back.`;
  if (context.flags.yes || context.canAsk) return context.confirm(plan, variable);
  throw new OpError("variable-taken", {
    message: `${variable} is set in "${file.path}" already`,
    detail: "Nothing was made.",
    hint: "Give --yes to put it aside as a comment, or choose another name with --variable.",
  });
}

/** In single quotes, on a line of a file or of a shell. */
function forLines(uri: string): string {
  return uri.replaceAll("'", "%27");
}

function withoutPassword({ connection }: Attached): Attached["connection"] {
  const { password } = connection;
  const uri = password === null ? connection.uri : connection.uri.replace(`:${encodeURIComponent(password)}@`, "@");
  return { ...connection, password: null, uri };
}
