/** `matriarch check`: its declaration, and what it does when it runs. */
import { Option } from "@commander-js/extra-typings";

import { clusterArgument } from "../arguments.ts";
import { command, terminalColumns, type Run } from "../command.ts";
import { renderChecks } from "../output/checks.ts";
import type { Paint } from "../output/paint.ts";

export const check = (run: Run) =>
  command("check", "Check machines, servers and roles, and say what to do where something fails.", [
    ["matriarch check shop", "everything, within five seconds; exit code 1 when something fails"],
    ["matriarch check shop --group pg --member shop-2", "one group, on one member"],
  ])
    .addArgument(clusterArgument())
    .addOption(new Option("--group <group>", "one group of checks (default: all)").choices(["vm", "pg", "role"]))
    .option("--member <member>", "one member (default: all)")
    .addHelpText(
      "after",
      "\nThe same over HTTP, for probes: /flycheck/vm, /flycheck/pg and /flycheck/role at a member's status port.",
    )
    .action((cluster, { group, member }) =>
      run(async (context) => {
        const query = { ...(group === undefined ? {} : { group }), ...(member === undefined ? {} : { member }) };
        const report = await (await context.client()).check(cluster, query);
        const text = (paint: Paint): string => renderChecks(report, paint, terminalColumns());
        return { json: report, text, exitCode: report.ok ? 0 : 1 };
      }),
    );
