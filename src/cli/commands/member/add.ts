/** `matriarch member add`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";
import { operationOutcome } from "../operation-outcome.ts";

export const memberAdd = (run: Run) =>
  command("add", "Add a standby to a cluster.", [
    ["matriarch member add shop", "one more"],
    ["matriarch member add shop --json", "the operation for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => operationOutcome(context, await (await context.client()).addMember(cluster))),
    );
