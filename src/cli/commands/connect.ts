/** `matriarch connect`: its declaration, and what it does when it runs. */
import { Argument, Option } from "@commander-js/extra-typings";

import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";

const notes = `
Uses psql when it is installed, else a small prompt. User postgres needs no password on the member's own machine: the
connection goes over its Unix socket. All others go through the endpoint; PGPASSWORD or ~/.pgpass has the password.
Exit codes are psql's: 0 done, 1 a statement of -c failed, 2 no connection, 3 a script on stdin failed (it stops at the
first error).`;

export const connect = (run: Run) =>
  command("connect", "Open a SQL prompt, or run SQL from -c or stdin.", [
    ["matriarch connect shop", "a prompt on the primary"],
    ["matriarch connect shop --role read -c 'select count(*) from orders'", "one statement on a standby"],
  ])
    .addArgument(clusterArgument())
    .addArgument(new Argument("[psql-arguments...]", "after --: handed to psql as they are"))
    .addOption(
      new Option("--role <role>", "which server")
        .choices(["primary", "read", "pooled"] as const)
        .default("primary" as const),
    )
    .option("-U, --user <user>", "database user (default: PGUSER, else postgres)")
    .option("-d, --database <database>", "database (default: PGDATABASE, else postgres)")
    .option(
      "-c, --command <sql>",
      "run this and end; again: one after the other; with --json the rows as a document",
      eachArgument,
      [],
    )
    .addHelpText("after", notes)
    .action((cluster, psqlArguments, { role, user, database, command: commands }) =>
      run(async (context) => {
        const { connectTo } = await import("../connect/connect.ts");
        await connectTo(context, { cluster, role, user, database, commands, psqlArguments });
      }),
    );

/** SQL may hold commas: each is taken as it is. */
function eachArgument(sql: string, before: readonly string[]): readonly string[] {
  return [...before, sql];
}
