/** `matriarch extension update`: its declaration, and what it does when it runs. */
import { clusterArgument, extensionArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const extensionUpdate = (run: Run) =>
  command("update", "Bring an extension to the version that the hosts have, or to another one.", [
    ["matriarch extension update shop postgis --database maps", "after its package was updated on every host"],
    ["matriarch extension update shop hstore --version 1.8", "to this one"],
  ])
    .addArgument(clusterArgument())
    .addArgument(extensionArgument())
    .option("--database <database>", "where (default: the only one you made, or postgres when there is none)")
    .option("--version <version>", "instead of the newest that the hosts have")
    .option("--dry-run", "show what would be done and change nothing")
    .action((cluster, name, { dryRun, ...given }) =>
      run(async (context) => {
        const { changeExtension } = await import("../../change-extension.ts");
        return changeExtension(context, cluster, { change: "update", name, ...given }, dryRun === true);
      }),
    );
