/** `matriarch resume`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, terminalColumns, type Run } from "../command.ts";
import { renderStatus } from "../output/status.ts";

export const resume = (run: Run) =>
  command("resume", "End a pause: automation works again.", [
    ["matriarch resume shop", "at once"],
    ["matriarch resume shop --json", "the new status for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const resumed = await (await context.client()).resume(cluster);
        return { json: resumed, text: (paint) => renderStatus(resumed, paint, Date.now(), terminalColumns()) };
      }),
    );
