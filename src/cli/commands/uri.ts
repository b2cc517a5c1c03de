/** `matriarch uri`: its declaration, and what it does when it runs. */
import { Option } from "@commander-js/extra-typings";

import { clusterArgument } from "../arguments.ts";
import { command, type Run } from "../command.ts";

export const uri = (run: Run) =>
  command("uri", "Print the connection URI of an endpoint.", [
    ["psql $(matriarch uri shop)", "the primary, wherever it is"],
    ["matriarch uri shop --role read --user app --database app", "a standby near by"],
  ])
    .addArgument(clusterArgument())
    .addOption(
      new Option("--role <role>", "which endpoint").choices(["primary", "read"] as const).default("primary" as const),
    )
    .option("--user <user>", "database user (default: postgres)")
    .option("--database <database>", "database (default: postgres)")
    .action((cluster, { role, user, database }) =>
      run(async (context) => {
        const connection = await (await context.client()).connection(cluster, { role, user, database });
        return { json: connection, text: () => connection.uri };
      }),
    );
