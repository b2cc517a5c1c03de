/** `matriarch import start`, also without "start". */
import { command, countArgument, severalArgument, type Run } from "../../command.ts";

export const importStart = (run: Run) =>
  command("start", 'Copy a database into the cluster; "start" may be left out.', [
    ["matriarch import start shop --source-env OLD_URL --database shop", "checked first, then copied"],
    ["heroku config:get DATABASE_URL -a app | matriarch import start shop - --database shop", "from Heroku"],
  ])
    .argument("<cluster>", "its name")
    .argument("[source-uri]", "postgres://…, or - for stdin; others on this machine see it, unlike the options below")
    .option("--source-env <variable>", "variable that holds the URI")
    .option("--source-file <file>", "file that holds the URI")
    .option("--database <database>", "name of the database here (default: as at the source)")
    .option("--check", "only the checks; nothing is changed")
    .option("--live", "go on following the source until the cutover, by logical replication")
    .option("--replica-identity-full", "with --live: set it at the source for tables without a key, until the cutover")
    .option(
      "--jobs <count>",
      "tables copied at the same time (default: the processors, at most 8)",
      countArgument(1, 64),
    )
    .option("--skip-extension <extension>", "leave this extension out; may be repeated", severalArgument)
    .option("--no-owner", "everything belongs to the database's owners here; it does in any case")
    .option("--detach", "return at once; the work goes on")
    .option("--cutover", 'the same as "matriarch import cutover"')
    .option("--lock-source", "with --cutover: the source takes no more writes")
    .action((cluster, uri, options) =>
      run(async (context) => {
        const { cutOver, startImport } = await import("../../import/start.ts");
        return options.cutover ? cutOver(context, cluster, options) : startImport(context, cluster, uri, options);
      }),
    );
