/** `matriarch member add`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";
import { operationOutcome } from "../operation-outcome.ts";

export const memberAdd = (run: Run) =>
  command("add", "Add a standby to a cluster.", [
    ["matriarch member add shop", "one more"],
    ["matriarch member add shop --region us", "a read replica in another region"],
    ["matriarch member add shop --on db-2", "on this host: one that joined in the place of a lost one"],
  ])
    .addArgument(clusterArgument())
    .option("--region <region>", "on a host there; outside the primary region it is a read replica")
    .option("--zone <zone>", "on a host in this zone")
    .option("--on <host>", "on this host")
    .action((cluster, { region, zone, on }) =>
      run(async (context) => {
        const where = {
          ...(region === undefined ? {} : { region }),
          ...(zone === undefined ? {} : { zone }),
          ...(on === undefined ? {} : { host: on }),
        };
        return operationOutcome(context, await (await context.client()).addMember(cluster, where));
      }),
    );
