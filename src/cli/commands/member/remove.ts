/** `matriarch member remove`: its declaration, and what it does when it runs. */
import { clusterArgument, memberArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";
import { operationOutcome } from "../operation-outcome.ts";

export const memberRemove = (run: Run) =>
  command("remove", "Remove a standby from a cluster and delete its directory.", [
    ["matriarch member remove shop shop-3 --dry-run", "what would be deleted"],
    ["matriarch member remove shop shop-3 --yes", "now, without a question"],
  ])
    .addArgument(clusterArgument())
    .addArgument(memberArgument())
    .option("--dry-run", "show what would be deleted and change nothing")
    .action((cluster, member, { dryRun }) =>
      run(async (context) => {
        const client = await context.client();
        const { members } = await client.status(cluster);
        const directories = members.filter(({ id }) => id === member).map((found) => found.data_directory);
        if (dryRun)
          return { json: { would_delete: directories }, text: () => ["Would delete:", ...directories].join("\n") };
        const plan = [`This removes "${member}" from "${cluster}" and deletes its directory:`, ...directories].join(
          "\n",
        );
        if (directories.length > 0) await context.confirm(plan, member);
        return operationOutcome(context, await client.removeMember(cluster, member));
      }),
    );
