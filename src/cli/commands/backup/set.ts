/** `matriarch backup set`: its declaration, and what it does when it runs. */
import { Option } from "@commander-js/extra-typings";

import { OpError } from "../../../errors/op-error.ts";
import { clusterArgument } from "../../arguments.ts";
import { daysArgument, hoursArgument, policyRequest } from "../../backup/policy.ts";
import { command, countArgument, type Run } from "../../command.ts";

export const backupSet = (run: Run) =>
  command("set", "Change when backups are taken and how long they are kept.", [
    ["matriarch backup set shop --keep-days 30", "any moment of a month can be restored"],
    ["matriarch backup set shop --full-every 14d --between differential", "fewer full ones"],
  ])
    .addArgument(clusterArgument())
    .option("--full-every <days>", "a full backup every so often, 1d to 90d (default: 7d)", daysArgument)
    .option("--every <hours>", "a smaller one in between, 1h to 7d (default: 24h)", hoursArgument)
    .addOption(
      new Option("--between <kind>", "what the smaller ones hold (default: incremental)").choices([
        "differential",
        "incremental",
      ] as const),
    )
    .option("--keep-days <days>", "any moment of so many days can be restored (default: 14)", countArgument(1, 3660))
    .option("--keep-fulls <count>", "and so many full ones are there at least (default: 2)", countArgument(1, 1000))
    .action((cluster, options) =>
      run(async (context) => {
        const request = policyRequest(options);
        if (Object.keys(request).length === 0)
          throw new OpError("usage", {
            message: "nothing to change is given",
            hint: "See: matriarch backup set --help",
          });
        const { scheduleWords } = await import("../../output/backups.ts");
        const { policy } = await (await context.client()).setBackupPolicy(cluster, request);
        return { json: policy, text: () => scheduleWords(policy) };
      }),
    );
