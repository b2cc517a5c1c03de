/** `matriarch user create`: its declaration, and what it does when it runs. */
import { Option } from "@commander-js/extra-typings";

import { clusterArgument, userArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const userCreate = (run: Run) =>
  command("create", "Make a user, and show its URI with the password once.", [
    ["matriarch user create shop ada --database orders --role reader", "may look at everything in orders"],
    ["matriarch user create shop root2 --role superuser --password-file secret.txt", "may do everything"],
  ])
    .addArgument(clusterArgument())
    .addArgument(userArgument())
    .option("--database <database>", "lets the user into this database (default: into none)")
    .addOption(
      new Option("--role <role>", "owner makes tables, writer changes rows, reader looks (default: writer)").choices([
        "owner",
        "writer",
        "reader",
        "superuser",
      ] as const),
    )
    .option("--password-file <file>", "file with the password, or - for stdin (default: a new one)")
    .action((cluster, name, { database, role, passwordFile }) =>
      run(async (context) => {
        const { readPassword } = await import("../../password-file.ts");
        const { renderCredentials } = await import("../../output/accounts.ts");
        const request = {
          name,
          ...(database === undefined ? {} : { database }),
          ...(role === undefined ? {} : { role }),
          ...(passwordFile === undefined ? {} : { password: await readPassword(passwordFile) }),
        };
        const client = await context.client();
        const { connection, ...made } = await context.confirmed(database ?? "", (take) =>
          client.createUser(cluster, { ...request, take }),
        );
        return {
          json: { ...connection, ...made },
          text: () => renderCredentials({ connection, ...made }, cluster, name),
        };
      }),
    );
