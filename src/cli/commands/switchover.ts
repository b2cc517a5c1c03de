/** `matriarch switchover`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { candidatesOutcome } from "./candidates.ts";
import { operationOutcome } from "./operation-outcome.ts";

export const switchover = (run: Run) =>
  command("switchover", "Move the primary to a standby while both are healthy; clients wait for a moment.", [
    ["matriarch switchover shop --dry-run", "who could be primary, and why the others could not"],
    ["matriarch switchover shop --to shop-2", "to a member of your choice"],
    ["matriarch switchover shop --primary-region us --dry-run", "who would be primary in another region"],
  ])
    .addArgument(clusterArgument())
    .option("--to <member>", "the new primary (default: the best candidate)")
    .option("--primary-region <region>", "move the primary and its voters to another region, for good")
    .option("--dry-run", "show the verdict on every member and change nothing")
    .action((cluster, { to, primaryRegion, dryRun }) =>
      run(async (context) => {
        const client = await context.client();
        if (dryRun) return candidatesOutcome(client, { cluster, kind: "switchover", to, primaryRegion });
        const body = {
          ...(to === undefined ? {} : { to }),
          ...(primaryRegion === undefined ? {} : { primary_region: primaryRegion }),
        };
        return operationOutcome(context, await client.switchover(cluster, body));
      }),
    );
