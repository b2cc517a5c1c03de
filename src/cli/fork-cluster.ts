/** `fork`: asks for the copy and follows it, as `create` does, and says what is in it. */
import type { ForkWish } from "../contract/storage.ts";
import type { CommandContext, Outcome } from "./context.ts";
import { followCreate } from "./create-cluster.ts";
import { readPassword } from "./password-file.ts";

interface ForkOptions {
  readonly fromSnapshot?: string | undefined;
  readonly member?: string | undefined;
  readonly members?: number | undefined;
  readonly expires?: number | undefined;
  readonly port?: number | undefined;
  readonly passwordFile?: string | undefined;
  readonly detach?: true | undefined;
}

export async function forkCluster(
  context: CommandContext,
  source: string,
  name: string,
  options: ForkOptions,
): Promise<Outcome> {
  const { fromSnapshot, member, members, expires, port, passwordFile } = options;
  const password = passwordFile === undefined ? undefined : await readPassword(passwordFile);
  const given = { snapshot: fromSnapshot, member, members, expires_ms: expires, port, password };
  const wish: ForkWish = {
    name,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
  const begun = await (await context.client()).fork(source, wish);
  return followCreate(context, name, begun, { detach: options.detach });
}
