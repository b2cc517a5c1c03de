/** `matriarch upgrade`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { renderPlan } from "../output/versions.ts";
import { operationOutcome } from "./operation-outcome.ts";

export const upgrade = (run: Run) =>
  command("upgrade", "Take a newer minor version of Postgres, one member at a time, standbys first.", [
    ["matriarch upgrade shop --dry-run", "what would be done, in which order, and what is in the way"],
    ["matriarch upgrade shop", "to the newest that is there; see: matriarch version shop"],
    ["matriarch upgrade shop --to 18.4", "to one of your choice, fetched when it is not there"],
  ])
    .addArgument(clusterArgument())
    .option("--to <version>", "a minor version of the same major (default: the newest that needs no looking for)")
    .option("--dry-run", "show the plan and change nothing")
    .option("--force", "go on although transactions are open for long; they are cut when the primary has its turn")
    .option("--in-place", "stop and start the primary where it is, whoever could take over")
    .addHelpText(
      "after",
      "\nA member that does not start on the new version is put back on the old one, and the upgrade stops there.",
    )
    .action((cluster, { to, dryRun, force, inPlace }) =>
      run(async (context) => {
        const client = await context.client();
        const wanted = to === undefined ? {} : { to };
        if (dryRun) {
          const plan = await client.planUpgrade(cluster, { ...wanted, in_place: inPlace === true ? "true" : "false" });
          const exitCode = plan.problems.length === 0 ? 0 : 3;
          return { json: plan, text: (paint) => renderPlan(plan, paint), exitCode };
        }
        const body = { ...wanted, ...(force ? { force } : {}), ...(inPlace ? { in_place: inPlace } : {}) };
        return operationOutcome(context, await client.upgrade(cluster, body));
      }),
    );
