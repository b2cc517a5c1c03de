/** `matriarch uri`: its declaration, and what it does when it runs. */
import { Option } from "@commander-js/extra-typings";

import { multiHostUri } from "../../contract/connection-uri.ts";
import { clusterArgument } from "../arguments.ts";
import { command, maxLagArgument, type Run } from "../command.ts";

export const uri = (run: Run) =>
  command("uri", "Print the connection URI of an endpoint.", [
    ["psql $(matriarch uri shop)", "the primary, wherever it is"],
    ["matriarch uri shop --role read --user app --database app", "a standby near by"],
    ["matriarch uri shop --role read --max-lag 5s", "from nothing older than five seconds"],
    ["matriarch uri shop --multi-host", "all hosts in one URI"],
  ])
    .addArgument(clusterArgument())
    .addOption(
      new Option("--role <role>", "which endpoint")
        .choices(["primary", "read", "pooled"] as const)
        .default("primary" as const),
    )
    .option("--user <user>", "database user (default: postgres)")
    .option("--database <database>", "database (default: postgres)")
    .option("--max-lag <duration>", "role read: from nothing older than this, 2s to 1h", maxLagArgument)
    .option("--multi-host", "name all hosts, for drivers that go on with the next; --json always has it, too")
    .option("--ca", "print the certificate of the installation's authority instead, for sslrootcert elsewhere")
    .action((cluster, { role, user, database, maxLag, multiHost, ca }) =>
      run(async (context) => {
        const client = await context.client();
        const connection = await client.connection(cluster, { role, user, database, max_lag_ms: maxLag });
        if (ca) {
          const { certificate } = await client.authority();
          return { json: { certificate }, text: () => certificate.trimEnd() };
        }
        const several = multiHostUri(connection, role);
        return { json: { ...connection, multi_host_uri: several }, text: () => (multiHost ? several : connection.uri) };
      }),
    );
