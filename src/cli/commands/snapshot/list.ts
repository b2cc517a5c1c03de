/** `matriarch snapshot list`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const snapshotList = (run: Run) =>
  command("list", "List the snapshots, also of a cluster that was destroyed.", [
    ["matriarch snapshot list shop", "all of them, oldest first"],
    ["matriarch snapshot list shop --json", "in bytes and full times, for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const { renderSnapshots } = await import("../../output/snapshots.ts");
        const { renderProofs } = await import("../../output/proofs.ts");
        const client = await context.client();
        const found = await client.snapshots(cluster);
        const proofs = found.policy === null ? undefined : await client.proofs(cluster);
        return {
          json: { ...found, proofs: proofs ?? null },
          text: (paint) =>
            [renderSnapshots(cluster, found, paint), ...(proofs ? ["", renderProofs(proofs, paint)] : [])].join("\n"),
        };
      }),
    );
