/** `matriarch logs`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, countArgument, type Run } from "../command.ts";

export const logs = (run: Run) =>
  command("logs", "Show the Postgres logs of a cluster's members.", [
    ["matriarch logs shop --member shop-1 --lines 200", "one member's newest lines"],
    ["matriarch logs shop --follow", "all members, until Ctrl-C"],
  ])
    .addArgument(clusterArgument())
    .option("--member <member>", "only this member")
    .option("--lines <count>", "newest so many of each member, 0 to 10000", countArgument(0, 10_000), 50)
    .option("--follow", "go on with what is written, until Ctrl-C; with --json one document per line")
    .action((cluster, { member, lines, follow }) =>
      run(async (context) => {
        const { showLogs } = await import("../show-logs.ts");
        return showLogs(context, { cluster, member, lines, follow: follow === true });
      }),
    );
