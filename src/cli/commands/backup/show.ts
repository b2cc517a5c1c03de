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
        const { renderProofs } = await import("../../output/proofs.ts");
        const client = await context.client();
        const found = await client.backups(cluster);
        const proofs = found.exists ? await client.proofs(cluster) : undefined;
        return {
          json: { ...found, proofs: proofs ?? null },
          text: (paint) =>
            [renderRepositories(found, paint), ...(proofs ? [renderProofs(proofs, paint)] : [])].join("\n"),
        };
      }),
    );
