/** `matriarch snapshot delete`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const snapshotDelete = (run: Run) =>
  command("delete", "Delete a snapshot for good.", [
    ["matriarch snapshot delete shop shop-20261121T225301Z-3f0a", "asks for its name first"],
    ["matriarch snapshot delete shop shop-20261121T225301Z-3f0a --yes", "now, without a question"],
  ])
    .addArgument(clusterArgument())
    .addArgument(new Argument("<snapshot>", "its id, see matriarch snapshot list"))
    .option("--dry-run", "show what would be deleted and change nothing")
    .action((cluster, id, { dryRun }) =>
      run(async (context) => {
        const { snapshotWords } = await import("../../output/snapshots.ts");
        const client = await context.client();
        const found = (await client.snapshots(cluster)).snapshots.find((snapshot) => snapshot.id === id);
        if (found) {
          const plan = `This deletes the snapshot ${snapshotWords(found)}`;
          if (dryRun) return { json: { would_delete: found }, text: () => plan };
          await context.confirm(plan, id);
        }
        // One that is not there is refused by the agent, in its words.
        await client.deleteSnapshot(cluster, id);
        return { json: { deleted: id }, text: () => `Deleted ${id}.` };
      }),
    );
