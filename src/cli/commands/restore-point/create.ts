/** `matriarch restore-point create`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const restorePointCreate = (run: Run) =>
  command("create", "Give this moment of a cluster a name.", [
    ["matriarch restore-point create shop before-migration", "all that is committed now"],
    ["matriarch restore-point create shop v2.4", "restored to with: matriarch restore shop shop2 --name v2.4"],
  ])
    .addArgument(clusterArgument())
    .addArgument(
      new Argument("<point>", "its name: letters, digits, dots, colons, hyphens and underscores, at most 63"),
    )
    .action((cluster, name) =>
      run(async (context) => {
        const made = await (await context.client()).makeRestorePoint(cluster, name);
        return { json: made, text: () => `Restore point "${made.name}" made at ${made.lsn}.` };
      }),
    );
