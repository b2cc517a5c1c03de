/** `matriarch scale`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, countArgument, type Run } from "../command.ts";
import { operationOutcome } from "./operation-outcome.ts";

export const scale = (run: Run) =>
  command("scale", "Change the number of members; standbys are added or taken away, never the primary.", [
    ["matriarch scale shop --members 5", "more standbys"],
    ["matriarch scale shop --members 3 --json", "the operation for a program"],
  ])
    .addArgument(clusterArgument())
    .requiredOption("--members <count>", "how many members, 1 to 16", countArgument(1, 16))
    .action((cluster, { members }) =>
      run(async (context) => operationOutcome(context, await (await context.client()).scale(cluster, members))),
    );
