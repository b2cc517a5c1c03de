/** `matriarch config unset`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const configUnset = (run: Run) =>
  command("unset", "Take settings back: to what is computed for the cluster, else to what Postgres takes.", [
    ["matriarch config unset shop work_mem", "one setting"],
    ["matriarch config unset shop max_connections --restart", "with the restart that it needs"],
  ])
    .addArgument(clusterArgument())
    .addArgument(new Argument("<name...>", "names of settings"))
    .option("--dry-run", "show what would change and restart, and change nothing")
    .option("--restart", "restart where the change needs it; otherwise it asks, and a script leaves it pending")
    .option("--no-restart", "restart nothing: what needs it stays pending")
    .action((cluster, unset, { dryRun, restart }) =>
      run(async (context) => {
        const { changeConfig } = await import("../../change-config.ts");
        return changeConfig(context, cluster, { unset }, { dryRun, restart });
      }),
    );
