/** `matriarch member reclone`: its declaration, and what it does when it runs. */
import { clusterArgument, memberArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";
import { operationOutcome } from "../operation-outcome.ts";

export const memberReclone = (run: Run) =>
  command("reclone", "Build a standby anew from another member; the old directory goes once the new one streams.", [
    ["matriarch member reclone shop shop-3", "a standby that you do not trust"],
    ["matriarch member reclone shop shop-3 --json", "the operation for a program"],
  ])
    .addArgument(clusterArgument())
    .addArgument(memberArgument())
    .action((cluster, member) =>
      run(async (context) => operationOutcome(context, await (await context.client()).recloneMember(cluster, member))),
    );
