/** `matriarch logs`: its declaration, and what it does when it runs. */
import { Option } from "@commander-js/extra-typings";

import { logLevels, logProcesses } from "../../contract/logs.ts";
import { command, countArgument, momentArgument, textArgument, type Run } from "../command.ts";

export const logs = (run: Run) =>
  command("logs", "Show the logs of a cluster's servers and of what serves it, or of the hosts' processes.", [
    ["matriarch logs shop --follow", "all members, merged by time, until Ctrl-C"],
    ["matriarch logs shop --member shop-1 --level error --since 1h", "what went wrong at one member"],
    ["matriarch logs --agent --process router --limit 200", "the hosts' own processes"],
  ])
    .argument("[cluster]", "name of the cluster; left out with --agent")
    .option("--agent", "agent, router, guard, relay, etcd and poolers of all hosts")
    .option("--member <member>", "only this member's Postgres")
    .addOption(new Option("--process <process>", "only this process (default: all)").choices(logProcesses))
    .addOption(new Option("--level <level>", "of this weight or more (default: debug)").choices(logLevels))
    .option("--grep <text>", "only lines with this text, whatever its case", textArgument)
    .option("--since <moment>", "from here on: 1h, or 2026-11-01T12:00", momentArgument)
    .option("--until <moment>", "up to before this moment", momentArgument)
    .option("--lines, --limit <count>", "newest so many of all, 0 to 10000", countArgument(0, 10_000), 100)
    .option("--follow", "go on with what is written, until Ctrl-C; with --json one document per line")
    .action((cluster, { agent, follow, ...query }) =>
      run(async (context) => {
        const { showLogs } = await import("../show-logs.ts");
        return showLogs(context, { cluster, agent: agent === true, follow: follow === true, query });
      }),
    );
