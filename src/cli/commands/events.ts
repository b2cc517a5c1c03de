/** `matriarch events`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import type { Client } from "../client/client.ts";
import { command, countArgument, momentArgument, type Run } from "../command.ts";
import type { Outcome } from "../context.ts";
import { renderEvents } from "../output/events.ts";

export const events = (run: Run) =>
  command("events", "Tell what happened to a cluster, oldest first.", [
    ["matriarch events shop --limit 20", "the last twenty"],
    ["matriarch events shop --follow --type failover", "failovers, as they happen"],
    ["matriarch events shop --downtime --since 30d", "every time that writes paused, for how long and why"],
  ])
    .addArgument(clusterArgument())
    .option("--follow", "go on with what happens, until Ctrl-C; with --json one document per line")
    .option("--type <type>", "only this type or lifecycle, for example failover or failover.done")
    .option("--member <member>", "only what concerns this member")
    .option("--limit <count>", "newest so many, 0 to 1000", countArgument(0, 1000), 100)
    .option("--downtime", "the ledger of pauses instead: each one, their sum, and the availability")
    .option("--since <when>", "with --downtime: so long ago (30d) or a moment (2026-11-01)", momentArgument)
    .action((cluster, { follow, type, member, limit, downtime, since }) =>
      run(async (context) => {
        if (downtime) return downtimeOutcome(await context.client(), cluster, since);
        const query = { type, member, limit };
        if (follow) return (await import("../follow-events.ts")).followEvents(context, cluster, query);
        const found = await (await context.client()).events(cluster, query);
        return { json: found, text: (paint) => renderEvents(found, paint) };
      }),
    );

async function downtimeOutcome(client: Client, cluster: string, since: string | undefined): Promise<Outcome> {
  const { renderDowntime } = await import("../output/downtime.ts");
  const found = await client.downtime(cluster, since);
  return { json: found, text: (paint) => renderDowntime(found, paint) };
}
