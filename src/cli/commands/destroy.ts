/** `matriarch destroy`: its declaration, and what it does when it runs. */
import type { RepositoryStatus } from "../../contract/backups.ts";
import { clusterArgument } from "../arguments.ts";
import type { Client } from "../client/client.ts";
import { command, type Run } from "../command.ts";
import { operationOutcome } from "./operation-outcome.ts";

export const destroy = (run: Run) =>
  command("destroy", "Stop a cluster and delete its data for good.", [
    ["matriarch destroy shop --dry-run", "what would be deleted"],
    ["matriarch destroy shop --yes", "now, without a question"],
  ])
    .addArgument(clusterArgument())
    .option("--with-backups", "delete its backups in storage elsewhere as well")
    .option("--dry-run", "show what would be deleted and change nothing")
    .action((cluster, { dryRun, withBackups }) =>
      run(async (context) => {
        const client = await context.client();
        const { members } = await client.status(cluster);
        const directories = members.map((member) => member.data_directory);
        if (dryRun)
          return { json: { would_delete: directories }, text: () => ["Would delete:", ...directories].join("\n") };
        const { snapshots } = await client.snapshots(cluster);
        const plan = [
          `This deletes "${cluster}" and all its data for good:`,
          ...directories,
          ...keptWords(cluster, snapshots),
          ...backupWords(cluster, await repositoriesOf(client, cluster), withBackups ?? false),
        ].join("\n");
        await context.confirm(plan, cluster);
        // First: they are the cluster's, and one that is locked keeps all of it.
        if (withBackups)
          await operationOutcome(context, await client.disableBackups(cluster, { delete_backups: true }));
        return operationOutcome(context, await client.destroy(cluster));
      }),
    );

function keptWords(cluster: string, { length: count }: readonly unknown[]): readonly string[] {
  if (count === 0) return [];
  const what = count === 1 ? "Its snapshot is" : `Its ${count} snapshots are`;
  return [`${what} kept for their time; see matriarch snapshot list ${cluster}.`];
}

/** Where it is backed up to; a repository that does not answer keeps nobody from destroying. */
async function repositoriesOf(client: Client, cluster: string): Promise<readonly RepositoryStatus[]> {
  return await client.backups(cluster).then(
    ({ repositories }) => repositories,
    () => [],
  );
}

function backupWords(cluster: string, repositories: readonly RepositoryStatus[], isToGo: boolean): readonly string[] {
  return repositories.map(({ to, backups }) =>
    isToGo
      ? `Its ${backups} backups in ${to} are deleted for good.`
      : `Its ${backups} backups in ${to} stay until somebody deletes them; see matriarch backup list ${cluster}.`,
  );
}
