/** `matriarch audit`: its declaration, and what it does when it runs. */
import { command, countArgument, type Run } from "../command.ts";
import { renderAudit } from "../output/audit.ts";

export const auditCommand = (run: Run) =>
  command("audit", "Show who changed what, from where, and with what outcome.", [
    ["matriarch audit", "the newest changes, of everything"],
    ["matriarch audit shop --limit 20", "of one cluster"],
  ])
    .argument("[cluster]", "name of the cluster; without it those of hosts and tokens, too")
    .option("--limit <count>", "newest so many, 0 to 1000", countArgument(0, 1000), 100)
    .action((cluster, { limit }) =>
      run(async (context) => {
        const events = await (await context.client()).audit({ cluster, limit });
        return { json: events, text: (paint) => renderAudit(events, paint) };
      }),
    );
