/** `matriarch attach`: its declaration, and what it does when it runs. */
import { Option } from "@commander-js/extra-typings";

import { clusterArgument } from "../arguments.ts";
import { command, graceArgument, textArgument, type Run } from "../command.ts";

const notes = `
The application gets a user of its own, and by default a database of its own, both named after it: lower case, with "_"
for "-". An owner makes and changes tables, a writer changes rows, a reader looks; all see tables that are made later.
The URI goes to a file (--env-file, mode 0600), to a command (--exec: in its environment and as NAME=value on its
stdin), or to stdout. An attach that was cut short is completed by the same command. Undone by matriarch detach.`;

export const attach = (run: Run) =>
  command("attach", "Give an application its own database and user, and hand it the URI.", [
    ["matriarch attach shop --app web --env-file .env", "database web, user web, DATABASE_URL in .env"],
    ["matriarch attach shop --app reports --database web --role reader --yes --json", "another one that only looks"],
    ["matriarch attach shop --app web --rotate --grace 1h", "a new password; the old one for an hour"],
    ["matriarch attach shop --app web --exec 'fly secrets import'", "to a command, on its stdin"],
  ])
    .addArgument(clusterArgument())
    .requiredOption("--app <app>", "name of the application")
    .option("--database <database>", "its database, made if there is none (default: named after the application)")
    .option("--user <user>", "its user, which must not exist yet (default: named after the application)")
    .addOption(
      new Option("--role <role>", "what it may do there (default: owner)").choices([
        "owner",
        "writer",
        "reader",
        "superuser",
      ] as const),
    )
    .option("--pooled", "the URI leads to the pooled endpoint (default: the primary; with --rotate: as before)")
    .option("--no-pooled", "to the primary again")
    .option("--variable <name>", "name under which it reads its URI (default: DATABASE_URL)")
    .option(
      "--env-file <file>",
      "write it to this file, all other lines stay (default with --rotate: the file that has it)",
    )
    .option("--exec <command>", "run this with it, in a shell", textArgument)
    .option("--rotate", "it is attached: give it a new password")
    .option(
      "--grace <duration>",
      "with --rotate: the old password stays good for so long, up to 31d (default: 0s)",
      graceArgument,
    )
    .addHelpText("after", notes)
    .action((cluster, options) =>
      run(async (context) => (await import("../attach/attach.ts")).attachApp(context, cluster, options)),
    );
