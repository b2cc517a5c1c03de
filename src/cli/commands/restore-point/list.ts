/** `matriarch restore-point list`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const restorePointList = (run: Run) =>
  command("list", "List the restore points, and the times that a cluster can be restored to.", [
    ["matriarch restore-point list shop", "also of a cluster that was destroyed"],
    ["matriarch restore-point list shop --json", "with full times, for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const { renderWindows } = await import("../../output/restore-windows.ts");
        const found = await (await context.client()).restoreWindows(cluster);
        return { json: found, text: (paint) => renderWindows(cluster, found, paint) };
      }),
    );
