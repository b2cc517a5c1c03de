/** `matriarch restart`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { operationOutcome } from "./operation-outcome.ts";

export const restart = (run: Run) =>
  command("restart", "Restart a cluster one member at a time, standbys first.", [
    ["matriarch restart shop", "all members"],
    ["matriarch restart shop --member shop-2", "one member"],
  ])
    .addArgument(clusterArgument())
    .option("--member <member>", "only this member")
    .action((cluster, { member }) =>
      run(async (context) => {
        const client = await context.client();
        return operationOutcome(context, await client.restart(cluster, member === undefined ? {} : { member }));
      }),
    );
