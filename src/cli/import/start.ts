/** `import`: the source is read, everything checked and shown, and the work begun and followed. */
import type { ImportRequest } from "../../contract/imports.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { operationOutcome } from "../commands/operation-outcome.ts";
import { renderBegun, renderChecks, renderImported } from "../output/imports.ts";
import { follow } from "../follow.ts";
import { readSource } from "./source.ts";

export interface StartOptions {
  readonly sourceEnv?: string | undefined;
  readonly sourceFile?: string | undefined;
  readonly database?: string | undefined;
  readonly jobs?: number | undefined;
  readonly skipExtension?: readonly string[] | undefined;
  readonly live?: true | undefined;
  readonly replicaIdentityFull?: true | undefined;
  readonly check?: true | undefined;
  readonly detach?: true | undefined;
  readonly cutover?: true | undefined;
  readonly owner?: boolean | undefined;
}

export async function startImport(
  context: CommandContext,
  cluster: string,
  uri: string | undefined,
  options: StartOptions,
): Promise<Outcome> {
  const { source, password } = await readSource(context, { uri, ...options });
  const { database, jobs, skipExtension, live, replicaIdentityFull } = options;
  const request: ImportRequest = {
    source,
    source_password: password,
    ...(database === undefined ? {} : { database }),
    ...(jobs === undefined ? {} : { jobs }),
    ...(skipExtension === undefined ? {} : { skip_extensions: [...skipExtension] }),
    live: live ?? false,
    replica_identity_full: replicaIdentityFull ?? false,
  };
  const client = await context.client();
  const progress = context.progress();
  progress.step("looking at the source");
  const checked = await client.checkImport(cluster, request).finally(() => progress.end(false));
  if (options.check || !checked.ok)
    return { json: checked, text: (paint) => renderChecks(checked, paint), exitCode: checked.ok ? 0 : 3 };
  if (!context.flags.json) process.stderr.write(`${renderChecks(checked, context.paintFor(process.stderr))}\n`);
  const begun = await client.beginImport(cluster, request);
  if (options.detach) return { json: begun, text: () => renderBegun(begun) };
  const ended = await follow(context, begun);
  return { json: ended, text: (paint) => renderImported(ended, request.live === true, paint) };
}

export interface CutoverOptions {
  readonly database?: string | undefined;
  readonly lockSource?: true | undefined;
  readonly wait?: number | undefined;
  readonly countAll?: true | undefined;
}

export async function cutOver(context: CommandContext, cluster: string, options: CutoverOptions): Promise<Outcome> {
  const client = await context.client();
  const { database, lockSource, wait, countAll } = options;
  const request = {
    ...(database === undefined ? {} : { database }),
    ...(wait === undefined ? {} : { wait_ms: wait }),
    lock_source: lockSource ?? false,
    count_all: countAll ?? false,
  };
  return operationOutcome(context, await client.cutOverImport(cluster, request));
}
