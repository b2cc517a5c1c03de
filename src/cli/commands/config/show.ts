/** `matriarch config show`: its declaration, and what it does when it runs. */
import { Argument, Option } from "@commander-js/extra-typings";

import { clusterArgument } from "../../arguments.ts";
import { command, terminalColumns, type Run } from "../../command.ts";

const sources = ["user", "computed", "extensions", "owned", "default"] as const;

const notes = `
Without names and flags: what you set, what was computed for the cluster, and what waits for a restart.
Sources: user (config set), computed (from memory, CPUs and disk), extensions (libraries that they need loaded), owned
(decided by Matriarch), default (Postgres).`;

export const configShow = (run: Run) =>
  command("show", "Show settings: value, who decided it and why, what waits for a restart.", [
    ["matriarch config show shop", "what you set and what was computed"],
    ["matriarch config show shop work_mem max_connections", "these, with their range and what they mean"],
    ["matriarch config show shop --changed", "only what you set, and what waits for a restart"],
  ])
    .addArgument(clusterArgument())
    .addArgument(new Argument("[name...]", "names of settings, or parts of them with *"))
    .option("--all", "every setting that the servers have")
    .option("--changed", "only what you set, and what waits for a restart")
    .addOption(
      new Option("--source <source>", "only settings decided by").choices(sources).conflicts(["all", "changed"]),
    )
    .addHelpText("after", notes)
    .action((cluster, names, { all, changed, source }) =>
      run(async (context) => {
        const { chooseSettings, renderSettings } = await import("../../output/settings.ts");
        const report = await (await context.client()).settings(cluster);
        const settings = chooseSettings(report.settings, { names, all, changed, source });
        const chosen = { ...report, settings };
        return {
          json: chosen,
          text: (paint) => renderSettings(chosen, { inFull: names.length > 0, paint, terminal: terminalColumns() }),
        };
      }),
    );
