/** `matriarch snapshot set`: its declaration, and what it does when it runs. */
import { Option } from "@commander-js/extra-typings";

import { OpError } from "../../../errors/op-error.ts";
import { clusterArgument } from "../../arguments.ts";
import { command, countArgument, type Run } from "../../command.ts";

export const snapshotSet = (run: Run) =>
  command("set", "Change how a cluster's snapshots are taken and kept.", [
    ["matriarch snapshot set shop --keep-days 14", "two weeks, those that there are too"],
    ["matriarch snapshot set shop --daily off", "only when asked for"],
  ])
    .addArgument(clusterArgument())
    .option("--keep-days <days>", "how long they are kept, 1 to 60 (default: 5)", countArgument(1, 60))
    .addOption(new Option("--daily <wish>", "take one every day (default: on)").choices(["on", "off"] as const))
    .action((cluster, { keepDays, daily }) =>
      run(async (context) => {
        if (keepDays === undefined && daily === undefined)
          throw new OpError("usage", { message: "nothing to change is given", hint: "Give --keep-days or --daily." });
        const { policyWords } = await import("../../output/snapshots.ts");
        const request = {
          ...(keepDays === undefined ? {} : { kept_days: keepDays }),
          ...(daily === undefined ? {} : { daily: daily === "on" }),
        };
        const { policy } = await (await context.client()).changeSnapshotPolicy(cluster, request);
        return { json: policy, text: () => (policy ? policyWords(policy) : "") };
      }),
    );
