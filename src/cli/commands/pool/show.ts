/** `matriarch pool show`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, terminalColumns, type Run } from "../../command.ts";

export const poolShow = (run: Run) =>
  command("show", "Show the pooled endpoint: mode, sizes, clients, servers, how long clients wait.", [
    ["matriarch pool show shop", "for a person"],
    ["matriarch pool show shop --json", "all figures, of every host"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const { renderPool } = await import("../../output/pool.ts");
        const status = await (await context.client()).pool(cluster);
        return { json: status, text: (paint) => renderPool(status, paint, terminalColumns()) };
      }),
    );
