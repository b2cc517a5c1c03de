/** `matriarch start`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { operationOutcome } from "./operation-outcome.ts";

export const start = (run: Run) =>
  command("start", "Start a stopped cluster.", [
    ["matriarch start shop", "the servers, and the endpoints"],
    ["matriarch start shop --json", "the operation for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => operationOutcome(context, await (await context.client()).start(cluster))),
    );
