/** `matriarch events`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, countArgument, type Run } from "../command.ts";
import { renderEvents } from "../output/events.ts";

export const events = (run: Run) =>
  command("events", "Tell what happened to a cluster, oldest first.", [
    ["matriarch events shop --limit 20", "the last twenty"],
    ["matriarch events shop --follow --type failover", "failovers, as they happen"],
  ])
    .addArgument(clusterArgument())
    .option("--follow", "go on with what happens, until Ctrl-C; with --json one document per line")
    .option("--type <type>", "only this type or lifecycle, for example failover or failover.done")
    .option("--member <member>", "only what concerns this member")
    .option("--limit <count>", "newest so many, 0 to 1000", countArgument(0, 1000), 100)
    .action((cluster, { follow, type, member, limit }) =>
      run(async (context) => {
        const query = { type, member, limit };
        if (follow) return (await import("../follow-events.ts")).followEvents(context, cluster, query);
        const found = await (await context.client()).events(cluster, query);
        return { json: found, text: (paint) => renderEvents(found, paint) };
      }),
    );
