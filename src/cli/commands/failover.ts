/** `matriarch failover`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { candidatesOutcome } from "./candidates.ts";
import { operationOutcome } from "./operation-outcome.ts";

export const failover = (run: Run) =>
  command("failover", "Give the primary up and elect another, when it does not happen by itself.", [
    ["matriarch failover shop --dry-run", "who would be primary"],
    ["matriarch failover shop --to shop-2 --force --yes", "now, without a question, though the primary is healthy"],
  ])
    .addArgument(clusterArgument())
    .option("--to <member>", "the new primary (default: the best candidate)")
    .option("--force", "also when the primary is healthy; clients see broken connections")
    .option("--accept-data-loss", "elect even without enough votes: acknowledged writes may be lost")
    .option("--dry-run", "show the verdict on every member and change nothing")
    .action((cluster, { to, force, acceptDataLoss, dryRun }) =>
      run(async (context) => {
        const client = await context.client();
        if (dryRun) return candidatesOutcome(await client.candidates(cluster, "failover", to));
        const loss = acceptDataLoss ? " Acknowledged writes may be lost." : "";
        await context.confirm(
          `This stops the primary of "${cluster}" at once and promotes ${to ?? "the best standby"}.${loss}`,
          cluster,
        );
        const body = {
          force: force === true,
          accept_data_loss: acceptDataLoss === true,
          ...(to === undefined ? {} : { to }),
        };
        return operationOutcome(context, await client.failover(cluster, body));
      }),
    );
