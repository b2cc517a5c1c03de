/** `matriarch member add`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";
import { operationOutcome } from "../operation-outcome.ts";

export const memberAdd = (run: Run) =>
  command("add", "Add a standby to a cluster.", [
    ["matriarch member add shop", "one more"],
    ["matriarch member add shop --region us", "a read replica in another region"],
    ["matriarch member add shop --region us --upstream shop-4", "one more there, that follows the first one"],
    ["matriarch member add shop --on db-2", "on this host: one that joined in the place of a lost one"],
  ])
    .addArgument(clusterArgument())
    .option("--region <region>", "on a host there; outside the primary region it is a read replica")
    .option("--zone <zone>", "on a host in this zone")
    .option("--on <host>", "on this host")
    .option("--upstream <member>", "follow this standby instead of the primary; it never votes")
    .action((cluster, { region, zone, on, upstream }) =>
      run(async (context) => {
        const where = {
          ...(region === undefined ? {} : { region }),
          ...(zone === undefined ? {} : { zone }),
          ...(on === undefined ? {} : { host: on }),
          ...(upstream === undefined ? {} : { upstream }),
        };
        return operationOutcome(context, await (await context.client()).addMember(cluster, where));
      }),
    );
