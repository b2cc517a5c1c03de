/** `matriarch destroy`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";
import { operationOutcome } from "./operation-outcome.ts";

export const destroy = (run: Run) =>
  command("destroy", "Stop a cluster and delete its data for good.", [
    ["matriarch destroy shop --dry-run", "what would be deleted"],
    ["matriarch destroy shop --yes", "now, without a question"],
  ])
    .addArgument(clusterArgument())
    .option("--dry-run", "show what would be deleted and change nothing")
    .action((cluster, { dryRun }) =>
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
        ].join("\n");
        await context.confirm(plan, cluster);
        return operationOutcome(context, await client.destroy(cluster));
      }),
    );

function keptWords(cluster: string, { length: count }: readonly unknown[]): readonly string[] {
  if (count === 0) return [];
  const what = count === 1 ? "Its snapshot is" : `Its ${count} snapshots are`;
  return [`${what} kept for their time; see matriarch snapshot list ${cluster}.`];
}
