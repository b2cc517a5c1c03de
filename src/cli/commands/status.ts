/** `matriarch status`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, terminalColumns, type Run } from "../command.ts";
import { renderStatus } from "../output/status.ts";

export const status = (run: Run) =>
  command("status", "Show what a cluster is doing, member by member.", [
    ["matriarch status shop", "once"],
    ["matriarch status shop --watch", "until Ctrl-C, at every change"],
  ])
    .addArgument(clusterArgument())
    .option("--watch", "show every change until Ctrl-C; with --json one document per line")
    .action((cluster, { watch }) =>
      run(async (context) => {
        if (watch) return (await import("../watch-status.ts")).watchStatus(context, cluster);
        const found = await (await context.client()).status(cluster);
        return { json: found, text: (paint) => renderStatus(found, paint, Date.now(), terminalColumns()) };
      }),
    );
