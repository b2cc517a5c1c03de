/** `matriarch reads`: its declaration, and what it does when it runs. */
import { Option } from "@commander-js/extra-typings";

import { readFallbackNames } from "../../contract/reads.ts";
import { clusterArgument } from "../arguments.ts";
import { command, maxLagArgument, maxLagBytesArgument, type Run } from "../command.ts";
import { renderReads } from "../output/reads.ts";

const notes = `
The read endpoint leads to the nearest standby within both limits. One that is further behind leaves, and is back once it
has kept within half of them for five seconds. One client can ask for less: matriarch uri NAME --role read --max-lag 5s`;

export const reads = (run: Run) =>
  command("reads", "Show or set how far behind a standby may be that serves reads.", [
    ["matriarch reads shop", "how it is set, and how far behind each standby is"],
    ["matriarch reads shop --max-lag 10s --max-lag-bytes 16MB", "tighter than usual"],
    ["matriarch reads shop --fallback refuse", "never load the primary with reads"],
  ])
    .addArgument(clusterArgument())
    .option("--max-lag <duration>", "2s to 1h (at first: 30s)", maxLagArgument)
    .option("--max-lag-bytes <size>", "1MB or more (at first: 64MB)", maxLagBytesArgument)
    .addOption(
      new Option("--fallback <how>", "when no standby is fit: the primary serves reads, or refuse them").choices(
        readFallbackNames,
      ),
    )
    .addHelpText("after", notes)
    .action((cluster, { maxLag, maxLagBytes, fallback }) =>
      run(async (context) => {
        const client = await context.client();
        const change = {
          ...(maxLag === undefined ? {} : { max_lag_ms: maxLag }),
          ...(maxLagBytes === undefined ? {} : { max_lag_bytes: maxLagBytes }),
          ...(fallback === undefined ? {} : { fallback }),
        };
        const isChange = Object.keys(change).length > 0;
        const status = isChange ? await client.reads(cluster, change) : await client.status(cluster);
        const members = status.members.map(({ id, region, read }) => ({ member: id, region, read }));
        return {
          json: { cluster: status.name, reads: status.reads, members },
          text: (paint) => renderReads(status, paint),
        };
      }),
    );
