/** `matriarch stop`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { operationOutcome } from "./operation-outcome.ts";

export const stop = (run: Run) =>
  command("stop", "Stop all servers of a cluster, in order; its data stays.", [
    ["matriarch stop shop", "until matriarch start shop"],
    ["matriarch stop shop --json", "the operation for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => operationOutcome(context, await (await context.client()).stop(cluster))),
    );
