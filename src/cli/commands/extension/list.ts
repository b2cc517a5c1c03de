/** `matriarch extension list`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const extensionList = (run: Run) =>
  command("list", "List the extensions that databases have; with --all, those that they could have.", [
    ["matriarch extension list shop", "what is enabled where, and what has an update"],
    ["matriarch extension list shop --all", "everything that its Postgres has"],
  ])
    .addArgument(clusterArgument())
    .option("--database <database>", "only this database")
    .option("--all", "also those that no database has")
    .action((cluster, { database, all }) =>
      run(async (context) => {
        const { onlyOf, renderExtensions } = await import("../../output/extensions.ts");
        const found = await (await context.client()).extensions(cluster);
        const list = onlyOf(found, cluster, { database, all: all === true });
        return { json: list, text: (paint) => renderExtensions(list, { cluster, all: all === true }, paint) };
      }),
    );
