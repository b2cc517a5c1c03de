/**
 * `create`: asks for the cluster, follows until it serves, and says what was made. The password comes with the first
 * answer and nowhere else, so it is shown whatever happens after; a second `create` of a cluster that is being made
 * joins the first.
 */
import type { ClusterStatus, Connection, CreateRequest, Operation } from "../contract/cluster.ts";
import { OpError } from "../errors/op-error.ts";
import type { Client } from "./client/client.ts";
import type { CommandContext, Outcome } from "./context.ts";
import { follow } from "./follow.ts";
import { connectLines, renderCreated } from "./output/create.ts";
import { notEnforcedLines } from "./output/volumes.ts";
import { figureLines } from "./output/operation.ts";
import { readPassword } from "./password-file.ts";

export interface CreateOptions {
  readonly members?: number | undefined;
  readonly version?: string | undefined;
  readonly engine?: CreateRequest["engine"];
  readonly engineDirectory?: string | undefined;
  readonly durability?: CreateRequest["durability"];
  readonly preset?: CreateRequest["preset"];
  readonly region?: readonly string[] | undefined;
  readonly primaryRegion?: string | undefined;
  readonly memory?: number | undefined;
  readonly cpus?: number | undefined;
  readonly volumeSize?: number | undefined;
  readonly autostop?: number | undefined;
  readonly port?: number | undefined;
  readonly pool?: true | undefined;
  readonly passwordFile?: string | undefined;
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly forkFrom?: string | undefined;
  readonly fromSnapshot?: string | undefined;
  readonly detach?: true | undefined;
}

interface Begun {
  readonly operation: Operation;
  readonly connection: Connection;
}

export async function createCluster(context: CommandContext, name: string, options: CreateOptions): Promise<Outcome> {
  const request = await toRequest(name, options);
  const client = await context.client();
  return followCreate(context, name, await begin(context, client, request), options);
}

/** @param begun its password is shown, whatever happens after */
export async function followCreate(
  context: CommandContext,
  name: string,
  { operation, connection }: Begun,
  options: Pick<CreateOptions, "detach" | "volumeSize">,
): Promise<Outcome> {
  if (options.detach) return detached(operation, connection, name);
  try {
    tellResult(context, await follow(context, operation));
  } catch (error) {
    // It may yet come to life, and nobody could log in.
    if (error instanceof OpError && error.code === "interrupted") tellPassword(context, connection, name);
    throw error;
  }
  const done = await context.client();
  // What the file systems cannot hold the members to is said now, not when a disk is full.
  if (options.volumeSize !== undefined)
    for (const line of notEnforcedLines((await done.volumes(name)).volumes)) context.note(line);
  return made(done, name, connection);
}

async function toRequest(name: string, options: CreateOptions): Promise<CreateRequest> {
  const { members, version, engine, durability, preset, memory, cpus, port, passwordFile, set } = options;
  const { region, primaryRegion, volumeSize, autostop, pool, engineDirectory } = options;
  const password = passwordFile === undefined ? undefined : await readPassword(passwordFile);
  const given = {
    members,
    version: version === undefined ? undefined : Number.parseInt(version, 10),
    minor_version: version?.includes(".") ? version : undefined,
    engine,
    engine_directory: engineDirectory,
    durability,
    preset,
    regions: region,
    primary_region: primaryRegion,
    memory_bytes: memory,
    cpus,
    volume_bytes: volumeSize,
    autostop_ms: autostop,
    port,
    pool,
    password,
    settings: set,
  };
  return { name, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

async function begin(context: CommandContext, client: Client, request: CreateRequest): Promise<Begun> {
  try {
    return await client.create(request);
  } catch (error) {
    const running = await findRunningCreate(client, request.name, error);
    if (running === undefined) throw error;
    context.note(`"${request.name}" is being made already; following that. What this command asked for is not used.`);
    return { operation: running, connection: await client.connection(request.name, {}) };
  }
}

async function findRunningCreate(client: Client, name: string, error: unknown): Promise<Operation | undefined> {
  if (!(error instanceof OpError && (error.code === "cluster-exists" || error.code === "busy"))) return undefined;
  const status = await client.status(name).catch(() => undefined);
  if (status?.state !== "creating" || status.operation === null) return undefined;
  return client.operation(status.operation).catch(() => undefined);
}

/** Of a copy: what is in it. */
function tellResult(context: CommandContext, operation: Operation): void {
  if (operation.result === null || Object.keys(operation.result).length === 0) return;
  context.note(figureLines(operation).join("\n"));
}

function tellPassword(context: CommandContext, connection: Connection, name: string): void {
  if (connection.password !== null) context.note(`Once it is made:\n${connectLines(connection, name)}`);
}

function detached(operation: Operation, connection: Connection, name: string): Outcome {
  return {
    json: { operation, uri: connection.uri, connection },
    text: () =>
      `"${name}" is being made. Follow it with: matriarch status ${name} --watch\n${connectLines(connection, name)}`,
  };
}

async function made(client: Client, name: string, connection: Connection): Promise<Outcome> {
  const status: ClusterStatus = await client.status(name);
  const explanation = await client.explain(name).catch(() => undefined);
  const [survives, doesNotSurvive] = [explanation?.survives ?? [], explanation?.does_not_survive ?? []];
  return {
    json: { ...status, uri: connection.uri, connection, survives, does_not_survive: doesNotSurvive },
    text: (paint) => renderCreated({ status, connection, survives, doesNotSurvive }, paint),
  };
}
