/** `matriarch extension enable`: its declaration, and what it does when it runs. */
import { clusterArgument, extensionArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

const notes = `
What it requires is enabled with it. A few must be loaded when a server starts (pg_cron,
timescaledb, pgaudit …): then the members are restarted one at a time, which is asked first;
scripts give --restart.

Every host with a member must have the extension. Where a package is missing, --install gets it
with apt-get, after showing the command; otherwise nothing is changed, and you are told what is
missing where.`;

export const extensionEnable = (run: Run) =>
  command("enable", "Enable an extension in a database.", [
    ["matriarch extension enable shop pg_trgm --database orders", "one that comes with Postgres"],
    ["matriarch extension enable shop pg_cron --install --restart", "with its package, loaded at once"],
  ])
    .addArgument(clusterArgument())
    .addArgument(extensionArgument())
    .option("--database <database>", "where (default: the only one you made, or postgres when there is none)")
    .option("--version <version>", "instead of the newest that the hosts have")
    .option("--schema <schema>", "where its objects go (default: public)")
    .option("--restart", "restart the members if it must be loaded at their start")
    .option("--install", "install its package where a host lacks it")
    .option("--dry-run", "show what would be done and change nothing")
    .addHelpText("after", notes)
    .action((cluster, name, { dryRun, restart, install, ...given }) =>
      run(async (context) => {
        const { enableExtension } = await import("../../change-extension.ts");
        const request = {
          change: "enable",
          name,
          ...given,
          restart: restart === true,
          install: install === true,
        } as const;
        return enableExtension(context, cluster, request, dryRun === true);
      }),
    );
