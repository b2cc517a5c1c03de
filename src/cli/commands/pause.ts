/** `matriarch pause`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, durationArgument, terminalColumns, type Run } from "../command.ts";
import { renderStatus } from "../output/status.ts";

const hourMs = 3_600_000;

export const pause = (run: Run) =>
  command("pause", "Freeze automation for work by hand: no failover, no restarts. It ends by itself.", [
    ["matriarch pause shop", "for an hour"],
    ["matriarch pause shop --for 15m", "for a quarter of one"],
  ])
    .addArgument(clusterArgument())
    .option("--for <duration>", "how long, 1s to 30d", durationArgument)
    .addHelpText("after", "\nWithout --for it is one hour.")
    .action((cluster, { for: forMs }) =>
      run(async (context) => {
        const paused = await (await context.client()).pause(cluster, forMs ?? hourMs);
        return { json: paused, text: (paint) => renderStatus(paused, paint, Date.now(), terminalColumns()) };
      }),
    );
