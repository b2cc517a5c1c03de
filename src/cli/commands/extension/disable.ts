/** `matriarch extension disable`: its declaration, and what it does when it runs. */
import { clusterArgument, extensionArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

const notes = `
A library that no database needs any more is not loaded from the next start of each member on;
--restart restarts them now, one at a time.`;

export const extensionDisable = (run: Run) =>
  command("disable", "Remove an extension from a database.", [
    ["matriarch extension disable shop pg_trgm --database orders", "refused while something depends on it"],
    ["matriarch extension disable shop hstore --cascade --dry-run", "what would go with it"],
  ])
    .addArgument(clusterArgument())
    .addArgument(extensionArgument())
    .option("--database <database>", "where (default: the only one you made, or postgres when there is none)")
    .option("--cascade", "drop what depends on it too: columns with their data, views, indexes")
    .option("--restart", "restart the members that have its library loaded")
    .option("--dry-run", "show what would be done and change nothing")
    .addHelpText("after", notes)
    .action((cluster, name, { dryRun, cascade, restart, ...given }) =>
      run(async (context) => {
        const { disableExtension } = await import("../../change-extension.ts");
        const allowed = { cascade: cascade === true, restart: restart === true };
        const request = { change: "disable", name, ...given, ...allowed } as const;
        return disableExtension(context, cluster, request, dryRun === true);
      }),
    );
