/** `matriarch backup disable`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { repositoryNumber } from "../../backup/repository.ts";
import { command, type Run } from "../../command.ts";
import { operationOutcome } from "../operation-outcome.ts";

export const backupDisable = (run: Run) =>
  command("disable", "End the backups of a cluster to a repository; what is in it stays.", [
    ["matriarch backup disable shop", "asks for its name first"],
    ["matriarch backup disable shop --number 2 --yes", "only the second copy"],
    ["matriarch backup disable shop --delete-backups", "and deletes what is there"],
  ])
    .addArgument(clusterArgument())
    .addOption(repositoryNumber())
    .option("--delete-backups", "delete all that the cluster has in the repository, for good")
    .option("--dry-run", "show what would end and change nothing")
    .action((cluster, { number, deleteBackups, dryRun }) =>
      run(async (context) => {
        const client = await context.client();
        const { repositories } = await client.backups(cluster);
        const ending = repositories.filter((repository) => number === undefined || repository.number === number);
        const lines = ending.map(({ to, backups }) => `  ${to}: ${fateOf(backups, deleteBackups ?? false)}`);
        const plan = [`This ends the backups of "${cluster}", and this host forgets the credentials:`, ...lines].join(
          "\n",
        );
        if (dryRun) return { json: { would_disable: ending, would_delete: deleteBackups ?? false }, text: () => plan };
        await context.confirm(plan, cluster);
        const request = {
          ...(number === undefined ? {} : { number: number === 2 ? (2 as const) : (1 as const) }),
          delete_backups: deleteBackups ?? false,
        };
        return operationOutcome(context, await client.disableBackups(cluster, request));
      }),
    );

function fateOf(backups: number, isToGo: boolean): string {
  if (backups === 1) return isToGo ? "1 backup is deleted for good" : "1 backup stays";
  return `${backups} backups ${isToGo ? "are deleted for good" : "stay"}`;
}
