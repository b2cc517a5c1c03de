/** `matriarch backup list`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const backupList = (run: Run) =>
  command("list", "List the backups of a cluster, also of one that was destroyed.", [
    ["matriarch backup list shop", "all of them, oldest first"],
    ["matriarch backup list shop --json", "in bytes and full times, for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const { renderBackups } = await import("../../output/backups.ts");
        const found = await (await context.client()).backups(cluster);
        return { json: found.backups, text: (paint) => renderBackups(found, paint) };
      }),
    );
