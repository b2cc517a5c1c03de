/** `matriarch restart`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { operationOutcome } from "./operation-outcome.ts";

export const restart = (run: Run) =>
  command("restart", "Restart members one at a time, standbys first; each streams again before the next.", [
    ["matriarch restart shop", "all members; the primary last, by whichever way pauses less"],
    ["matriarch restart shop --pending", "those whose settings wait for a restart"],
    ["matriarch restart shop --member shop-2", "one member"],
  ])
    .addArgument(clusterArgument())
    .option("--member <member>", "only this member")
    .option("--pending", "only members with settings that wait for a restart")
    .option("--in-place", "stop and start the primary where it is, whoever could take over")
    .action((cluster, { member, pending, inPlace }) =>
      run(async (context) => {
        const client = await context.client();
        const body = {
          ...(member === undefined ? {} : { member }),
          ...(pending ? { pending } : {}),
          ...(inPlace ? { in_place: inPlace } : {}),
        };
        return operationOutcome(context, await client.restart(cluster, body));
      }),
    );
