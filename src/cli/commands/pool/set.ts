/** `matriarch pool set`: its declaration, and what it does when it runs. */
import { InvalidArgumentError, Option } from "@commander-js/extra-typings";

import { poolClientsMax, poolModes, poolWaitMsMax, type PoolChange } from "../../../contract/pool.ts";
import { OpError } from "../../../errors/op-error.ts";
import { clusterArgument } from "../../arguments.ts";
import { command, countArgument, durationArgument, terminalColumns, type Run } from "../../command.ts";

const notes = `
In mode transaction a client has a server for one transaction: what belongs to a session (SET, LISTEN, WITH HOLD, session
advisory locks) does not last, and prepared statements need PgBouncer 1.21. Mode session lasts, and moves of the primary
then end its sessions. Sizes are for each pair of a user and a database, on each host. The URI: matriarch uri --role pooled.`;

export const poolSet = (run: Run) =>
  command("set", "Turn the pooled endpoint on or off, or change how it pools; clients notice nothing.", [
    ["matriarch pool set shop --on", "PgBouncer in front of the primary, at a port of its own"],
    ["matriarch pool set shop --size 40 --max-clients 5000", "more servers, more clients"],
    ["matriarch pool set shop --off --yes", "its clients are cut off"],
  ])
    .addArgument(clusterArgument())
    .option("--on", "have one")
    .addOption(new Option("--off", "have none").conflicts("on"))
    .addOption(
      new Option("--mode <mode>", "how long a client keeps a server (default: transaction)").choices(poolModes),
    )
    .option("--size <count>", "servers, 1 to 1000 (default: 20)", countArgument(1, 1000))
    .option("--reserve <count>", "more of them for clients that wait, 0 to 1000 (default: 5)", countArgument(0, 1000))
    .option(
      "--max-clients <count>",
      `clients, 10 to ${poolClientsMax} (default: 2000)`,
      countArgument(10, poolClientsMax),
    )
    .option("--wait <duration>", "a client that gets no server for so long is refused (default: 1m)", waitArgument)
    .option(
      "--port <port>",
      "of the endpoint, with --on (default: 6432, or the next that is free)",
      countArgument(1024, 65_535),
    )
    .addHelpText("after", notes)
    .action((cluster, { on, off, mode, size, reserve, maxClients, wait, port }) =>
      run(async (context) => {
        const given = {
          on: on ?? (off ? false : undefined),
          mode,
          size,
          reserve,
          max_clients: maxClients,
          wait_ms: wait,
          port,
        };
        const change: PoolChange = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
        if (Object.keys(change).length === 0)
          throw new OpError("usage", {
            message: "nothing is to be changed",
            hint: "Say what, for example --on or --size 40; how it is: matriarch pool show.",
          });
        if (off)
          await context.confirm(
            `Clients of the pooled endpoint of "${cluster}" are cut off, and refused from then on.`,
            cluster,
          );
        const { renderPool } = await import("../../output/pool.ts");
        const status = await (await context.client()).changePool(cluster, change);
        return { json: status, text: (paint) => renderPool(status, paint, terminalColumns()) };
      }),
    );

function waitArgument(text: string): number {
  const ms = durationArgument(text);
  if (ms < 1000 || ms > poolWaitMsMax) throw new InvalidArgumentError("It must be from 1s to 1h.");
  return Math.round(ms);
}
