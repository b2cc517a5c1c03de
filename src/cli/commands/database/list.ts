/** `matriarch database list`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const databaseList = (run: Run) =>
  command("list", "List the databases: size, open sessions, who may do what, what is attached.", [
    ["matriarch database list shop", "all of them"],
    ["matriarch database list shop --json", "the same for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const { renderDatabases } = await import("../../output/accounts.ts");
        const databases = await (await context.client()).databases(cluster);
        return { json: databases, text: (paint) => renderDatabases(databases, paint) };
      }),
    );
