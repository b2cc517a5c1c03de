/** `matriarch destroy`: its declaration, and what it does when it runs. */
import type { RepositoryStatus } from "../../contract/backups.ts";
import { formatMoment } from "../../contract/moment.ts";
import type { SnapshotStatus } from "../../contract/storage.ts";
import { OpError } from "../../errors/op-error.ts";
import { clusterArgument } from "../arguments.ts";
import type { Client } from "../client/client.ts";
import { command, type Run } from "../command.ts";
import { operationOutcome } from "./operation-outcome.ts";

const notes = `
Its snapshots are kept without being asked, each for its time (5 days unless "matriarch snapshot set" said otherwise), with the
log that leads on from them; the plan and the end say until when. Meanwhile "matriarch restore shop shop" brings it back.
Backups in storage elsewhere stay until somebody deletes them; --with-backups does.`;

export const destroy = (run: Run) =>
  command("destroy", "Stop a cluster and delete its data for good.", [
    ["matriarch destroy shop --dry-run", "what would be deleted"],
    ["matriarch destroy shop --yes", "now, without a question"],
  ])
    .addArgument(clusterArgument())
    .option("--with-backups", "delete its backups in storage elsewhere as well")
    .option("--dry-run", "show what would be deleted and change nothing")
    .addHelpText("after", notes)
    .action((cluster, { dryRun, withBackups }) =>
      run(async (context) => {
        const client = await context.client();
        const { members } = await client.status(cluster);
        const directories = members.map((member) => member.data_directory);
        const { snapshots } = await client.snapshots(cluster);
        const repositories = await repositoriesOf(client, cluster);
        const others = [
          ...keptWords(cluster, snapshots),
          ...backupWords(cluster, repositories ?? [], withBackups ?? false),
        ];
        if (dryRun) {
          const kept = snapshots.map(({ id, kept_until: until }) => ({ id, kept_until: until }));
          const text = (): string => ["Would delete:", ...directories, ...others].join("\n");
          const places = (repositories ?? []).map(({ to, backups }) => ({ to, backups }));
          const ofBackups = withBackups ? { would_delete_backups: places } : { would_keep_backups: places };
          return { json: { would_delete: directories, would_keep: kept, ...ofBackups }, text };
        }
        const plan = [`This deletes "${cluster}" and all its data for good:`, ...directories, ...others].join("\n");
        await context.confirm(plan, cluster);
        // First: they are the cluster's, and one that is locked keeps all of it.
        if (withBackups && repositories?.length !== 0)
          await operationOutcome(context, await client.disableBackups(cluster, { delete_backups: true }));
        return operationOutcome(context, await client.destroy(cluster));
      }),
    );

function keptWords(cluster: string, snapshots: readonly SnapshotStatus[]): readonly string[] {
  const last = snapshots
    .map(({ kept_until: until }) => until)
    .toSorted()
    .at(-1);
  if (last === undefined)
    return [`It has no snapshot, so nothing of it is kept on its hosts; see matriarch snapshot create ${cluster}.`];
  const until = formatMoment(Date.parse(last));
  const what =
    snapshots.length === 1
      ? `Its snapshot is kept until ${until}`
      : `Its ${snapshots.length} snapshots are kept, the last until ${until}`;
  return [`${what}; see matriarch snapshot list ${cluster}.`];
}

/** Where it is backed up to; undefined when nobody can tell, which keeps nobody from destroying. */
async function repositoriesOf(client: Client, cluster: string): Promise<readonly RepositoryStatus[] | undefined> {
  try {
    return (await client.backups(cluster)).repositories;
  } catch (error) {
    return error instanceof OpError && error.code === "backups-disabled" ? [] : undefined;
  }
}

function backupWords(cluster: string, repositories: readonly RepositoryStatus[], isToGo: boolean): readonly string[] {
  return repositories.map(({ to, backups }) =>
    isToGo
      ? `${owned(backups)} in ${to} ${backups === 1 ? "is" : "are"} deleted for good.`
      : `${owned(backups)} in ${to} ${backups === 1 ? "stays" : "stay"} until somebody deletes ${backups === 1 ? "it" : "them"}; see matriarch backup list ${cluster}.`,
  );
}

function owned(backups: number): string {
  return backups === 1 ? "Its backup" : `Its ${backups} backups`;
}
