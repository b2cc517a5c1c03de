/** `matriarch switchover`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { candidatesOutcome } from "./candidates.ts";
import { operationOutcome } from "./operation-outcome.ts";

export const switchover = (run: Run) =>
  command("switchover", "Move the primary to a standby while both are healthy; clients wait for a moment.", [
    ["matriarch switchover shop --dry-run", "who could be primary, and why the others could not"],
    ["matriarch switchover shop --to shop-2", "to a member of your choice"],
  ])
    .addArgument(clusterArgument())
    .option("--to <member>", "the new primary (default: the best candidate)")
    .option("--dry-run", "show the verdict on every member and change nothing")
    .action((cluster, { to, dryRun }) =>
      run(async (context) => {
        const client = await context.client();
        if (dryRun) return candidatesOutcome(await client.candidates(cluster, "switchover", to));
        return operationOutcome(context, await client.switchover(cluster, to === undefined ? {} : { to }));
      }),
    );
