/** `matriarch config set`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { clusterArgument } from "../../arguments.ts";
import { command, settingArgument, type Run } from "../../command.ts";

const notes = `
All problems are told at once, before anything is written: each host's own Postgres tries the settings first. They go to
every member and to those that come later, and are read back from each. A change that a server does not start with is
taken back by itself.`;

export const configSet = (run: Run) =>
  command("set", "Change settings on every member. Sizes and times as you write them: 256MB, 30s, on.", [
    ["matriarch config set shop work_mem=16MB statement_timeout=30s", "in force at once"],
    ["matriarch config set shop max_connections=300 --dry-run", "what it would change and restart"],
    ["matriarch config set shop max_connections=300 --restart", "with the restart that it needs"],
  ])
    .addArgument(clusterArgument())
    .addArgument(new Argument("<name=value...>", "settings and their values").argParser(settingArgument))
    .option("--dry-run", "show what would change and restart, and change nothing")
    .option("--restart", "restart where the change needs it; otherwise it asks, and a script leaves it pending")
    .option("--no-restart", "restart nothing: what needs it stays pending")
    .addHelpText("after", notes)
    .action((cluster, set, { dryRun, restart }) =>
      run(async (context) => {
        const { changeConfig } = await import("../../change-config.ts");
        return changeConfig(context, cluster, { set }, { dryRun, restart });
      }),
    );
