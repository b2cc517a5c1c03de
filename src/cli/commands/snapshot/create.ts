/** `matriarch snapshot create`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, countArgument, type Run } from "../../command.ts";
import { operationOutcome } from "../operation-outcome.ts";

const notes = `
It is taken of a standby that has caught up, else of the primary, while both go on. On btrfs and xfs it takes a moment and
no room; elsewhere it is a full copy. It lies on the same host: it does not survive the loss of that host's disk.`;

export const snapshotCreate = (run: Run) =>
  command("create", "Take a snapshot of a cluster now.", [
    ["matriarch snapshot create shop", "kept as long as the daily ones"],
    ["matriarch snapshot create shop --keep-days 30", "for a month"],
  ])
    .addArgument(clusterArgument())
    .option("--member <member>", "of this member")
    .option(
      "--keep-days <days>",
      "how long it is kept, 1 to 60 (default: as the cluster's others)",
      countArgument(1, 60),
    )
    .addHelpText("after", notes)
    .action((cluster, { member, keepDays }) =>
      run(async (context) => {
        const request = {
          ...(member === undefined ? {} : { member }),
          ...(keepDays === undefined ? {} : { kept_days: keepDays }),
        };
        return operationOutcome(context, await (await context.client()).takeSnapshot(cluster, request));
      }),
    );
