/** `import abandon`: says what goes, asks, and has it done. */
import type { ImportStatus } from "../../contract/imports.ts";
import { OpError } from "../../errors/op-error.ts";
import { operationOutcome } from "../commands/operation-outcome.ts";
import type { CommandContext, Outcome } from "../context.ts";

export async function abandonImport(
  context: CommandContext,
  cluster: string,
  wanted: string | undefined,
): Promise<Outcome> {
  const client = await context.client();
  const { database, source } = chosen(await client.imports(cluster), cluster, wanted);
  const plan = `The import of ${source} is given up: what it has brought into database "${database}" is deleted.`;
  await context.confirm(plan, database);
  return operationOutcome(context, await client.abandonImport(cluster, { database }));
}

function chosen(imports: readonly ImportStatus[], cluster: string, wanted: string | undefined): ImportStatus {
  const [first, ...more] = imports.filter(({ database }) => wanted === undefined || database === wanted);
  if (first === undefined)
    throw new OpError("import-refused", {
      message: wanted === undefined ? `no import is under way in cluster "${cluster}"` : `no import fills "${wanted}"`,
      hint: `See: matriarch import status ${cluster}`,
    });
  if (more.length === 0) return first;
  throw new OpError("import-refused", {
    message: "several imports are under way",
    detail: `Into: ${imports.map(({ database }) => `"${database}"`).join(", ")}.`,
    hint: "Say which with --database.",
  });
}
