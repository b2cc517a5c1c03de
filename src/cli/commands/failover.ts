/** `matriarch failover`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { formatSize } from "../../contract/units.ts";
import type { Client } from "../client/client.ts";
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
    .option("--primary-region <region>", "promote a read replica there: what it lacks is lost")
    .option("--force", "also when the primary is healthy; clients see broken connections")
    .option("--accept-data-loss", "elect even without enough votes: acknowledged writes may be lost")
    .option("--dry-run", "show the verdict on every member and change nothing")
    .action((cluster, { to, primaryRegion, force, acceptDataLoss, dryRun }) =>
      run(async (context) => {
        const client = await context.client();
        if (dryRun) return candidatesOutcome(client, { cluster, kind: "failover", to, primaryRegion });
        const loss = acceptDataLoss ? await lossWords(client, cluster, to, primaryRegion) : "";
        const where = primaryRegion === undefined ? "" : ` in region ${primaryRegion}`;
        await context.confirm(
          `This stops the primary of "${cluster}" at once and promotes ${to ?? "the best standby"}${where}.${loss}`,
          cluster,
        );
        const body = {
          force: force === true,
          accept_data_loss: acceptDataLoss === true,
          ...(to === undefined ? {} : { to }),
          ...(primaryRegion === undefined ? {} : { primary_region: primaryRegion }),
        };
        return operationOutcome(context, await client.failover(cluster, body));
      }),
    );

/** How much the one that would be chosen lacks, as far as anybody knows: shown before the question. */
async function lossWords(
  client: Client,
  cluster: string,
  to: string | undefined,
  region: string | undefined,
): Promise<string> {
  const candidates = await client.candidates(cluster, "failover", to, region);
  const chosen = candidates.find((candidate) => candidate.chosen) ?? candidates.find(({ member }) => member === to);
  if (!chosen) return " Acknowledged writes may be lost.";
  if (chosen.lag_bytes === null)
    return ` Acknowledged writes may be lost: nobody knows how much "${chosen.member}" lacks.`;
  return ` Acknowledged writes may be lost: "${chosen.member}" lacks ${formatSize(chosen.lag_bytes)} of the newest log that is known.`;
}
