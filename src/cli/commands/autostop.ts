/** `matriarch autostop`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { clusterArgument } from "../arguments.ts";
import { autostopArgument, command, type Run } from "../command.ts";
import { renderAutostop } from "../output/autostop.ts";

const notes = `
Asleep, a cluster has no server running and its endpoints listen: the first client through the primary or the read
endpoint, of any host, waits a moment and is served. Any client that is connected keeps it awake, busy or not.`;

export const autostop = (run: Run) =>
  command("autostop", "Scale to zero: stop after a time without clients, start with the next one.", [
    ["matriarch autostop dev 1h", "asleep after an hour without a client"],
    ["matriarch autostop dev off", "never again; one that is asleep wakes now"],
    ["matriarch autostop dev", "how it is set"],
  ])
    .addArgument(clusterArgument())
    .addArgument(new Argument("[idle]", "how long without a client, 1s to 365d; or off").argParser(idleArgument))
    .addHelpText("after", notes)
    .action((cluster, idle) =>
      run(async (context) => {
        const client = await context.client();
        const status = idle === undefined ? await client.status(cluster) : await client.autostop(cluster, idle.ms);
        const { name, state, autostop_ms, asleep_since } = status;
        return {
          json: { cluster: name, state, autostop_ms, asleep_since },
          text: (paint) => renderAutostop(status, paint),
        };
      }),
    );

/** A wrapper, for `off` is no absence of an argument. */
function idleArgument(text: string): { readonly ms: number | null } {
  return { ms: text === "off" ? null : autostopArgument(text) };
}
