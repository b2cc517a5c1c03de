/** `matriarch backup show`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const backupShow = (run: Run) =>
  command("show", "Show where a cluster is backed up to, and how the repositories answer.", [
    ["matriarch backup show shop", "repositories, schedule, and how far the log has come"],
    ["matriarch backup show shop --json", "for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const { renderRepositories } = await import("../../output/backups.ts");
        const found = await (await context.client()).backups(cluster);
        return { json: found, text: (paint) => renderRepositories(found, paint) };
      }),
    );
