/** `matriarch tunnel`: its declaration, and what it does when it runs. */
import { Argument, Option } from "@commander-js/extra-typings";

import { clusterArgument } from "../arguments.ts";
import { command, countArgument, textArgument, type Run } from "../command.ts";

const notes = `
The port is of this machine alone. The URI has no password in it: PGPASSWORD or ~/.pgpass has it, as with any other. New
connections follow the primary through failovers, and go through the next host when one is lost; open ones end with
their server or their host. It needs the role operator. With --exec the exit code is the command's.`;

export const tunnel = (run: Run) =>
  command("tunnel", "Reach a cluster from here through the API's port alone.", [
    ["matriarch tunnel shop 5432 --context prod", "psql and applications here connect to port 5432"],
    ["matriarch tunnel shop --role read --user ada --database orders", "any free port, to a standby"],
    ["matriarch tunnel shop --user web --database web --exec 'npm run migrate'", "for one command"],
  ])
    .addArgument(clusterArgument())
    .addArgument(
      new Argument("[local-port]", "port of this machine (default: any that is free)").argParser(
        countArgument(1, 65_535),
      ),
    )
    .addOption(
      new Option("--role <role>", "which endpoint")
        .choices(["primary", "read", "pooled"] as const)
        .default("primary" as const),
    )
    .option("--user <user>", "database user in the URI (default: postgres)")
    .option("--database <database>", "database in the URI (default: postgres)")
    .option("--exec <command>", "run this in a shell with DATABASE_URL set, and end with it", textArgument)
    .addHelpText("after", notes)
    .action((cluster, port, { role, user, database, exec }) =>
      run(async (context) => {
        const { runTunnel } = await import("../tunnel/tunnel.ts");
        await runTunnel(context, { cluster, port, role, user, database, exec });
      }),
    );
