/** `detach`: takes an application's user away, and its URI out of the file where attach had put it. The data stays. */
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";

import type { AttachmentStatus } from "../../contract/attachment.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Client } from "../client/client.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { openEnvFile, unsetInFile } from "./env-file.ts";

export interface DetachOptions {
  readonly app: string;
  readonly envFile?: string | undefined;
  readonly dryRun?: true | undefined;
}

export async function detachApp(context: CommandContext, cluster: string, options: DetachOptions): Promise<Outcome> {
  const { app } = options;
  const client = await context.client();
  const found = (await client.status(cluster)).attachments.find((attachment) => attachment.app === app);
  const path = await pathOf(context, options, found);
  if (found) {
    const plan = await planOf(client, cluster, found, path);
    if (options.dryRun) return { json: { would_detach: found, env_file: path ?? null }, text: () => plan };
    await context.confirm(plan, app);
  }
  const detached = await detachOrMissing(client, cluster, app);
  const isCleaned = path !== undefined && (await unsetInFile(path, { cluster, app }));
  // One that was detached before its file could be changed.
  if (detached instanceof OpError && !isCleaned) throw detached;
  const json = { detached: detached instanceof OpError ? null : detached, env_file: isCleaned ? path : null };
  return { json, text: () => sentences(app, detached, isCleaned ? path : undefined).join("\n") };
}

async function detachOrMissing(client: Client, cluster: string, app: string): Promise<AttachmentStatus | OpError> {
  try {
    return await client.detach(cluster, app);
  } catch (error) {
    if (error instanceof OpError && error.code === "attachment-not-found") return error;
    throw error;
  }
}

/** The file of --env-file, else the one that attach wrote, if it was on this machine. Looked at before anything is undone. */
async function pathOf(
  context: CommandContext,
  { envFile }: DetachOptions,
  found: AttachmentStatus | undefined,
): Promise<string | undefined> {
  const written = found?.env_file;
  if (envFile !== undefined) return (await openEnvFile(envFile)).path;
  if (!written) return undefined;
  if (written.machine === hostname() && existsSync(dirname(written.path)))
    return (await openEnvFile(written.path)).path;
  if (written.machine === hostname()) {
    context.note(`"${written.path}" is gone, with its directory: nothing is taken out of it.`);
    return undefined;
  }
  context.note(`${found.variable} was written to "${written.path}" on ${written.machine}; take it out there.`);
  return undefined;
}

async function planOf(
  client: Client,
  cluster: string,
  { app, user, database, variable }: AttachmentStatus,
  path: string | undefined,
): Promise<string> {
  const sessions = (await client.users(cluster)).find(({ name }) => name === user)?.sessions ?? 0;
  return [
    `This detaches "${app}" from "${cluster}":`,
    `user "${user}" is dropped${sessions === 0 ? "" : `, and its ${sessions === 1 ? "open session ends" : `${sessions} open sessions end`}`};`,
    `database "${database}" and its data stay${path === undefined ? "." : ";"}`,
    ...(path === undefined ? [] : [`${variable} is taken out of "${path}".`]),
  ].join("\n");
}

function sentences(app: string, detached: AttachmentStatus | OpError, path: string | undefined): readonly string[] {
  const file = path === undefined ? [] : [`Its variable was taken out of ${path}.`];
  if (detached instanceof OpError) return [`"${app}" had been detached before.`, ...file];
  return [`Detached "${app}": user "${detached.user}" is gone, database "${detached.database}" is kept.`, ...file];
}
