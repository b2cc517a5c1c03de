/** `matriarch user grant`: its declaration, and what it does when it runs. */
import { Option } from "@commander-js/extra-typings";

import { clusterArgument, userArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const userGrant = (run: Run) =>
  command("grant", "Change what a user may do in a database, in place of what it might before.", [
    ["matriarch user grant shop ada --database orders --role writer", "may change rows, also of later tables"],
    ["matriarch user grant shop ada --database orders --role none", "may do nothing there any more"],
  ])
    .addArgument(clusterArgument())
    .addArgument(userArgument())
    .requiredOption("--database <database>", "where")
    .addOption(
      new Option("--role <role>", "owner makes tables, writer changes rows, reader looks")
        .choices(["owner", "writer", "reader", "none"] as const)
        .makeOptionMandatory(),
    )
    .action((cluster, user, request) =>
      run(async (context) => {
        const client = await context.client();
        const changed = await context.confirmed(request.database, (take) =>
          client.grant(cluster, user, { ...request, take }),
        );
        return { json: changed, text: () => told(user, request) };
      }),
    );

function told(user: string, { database, role }: { readonly database: string; readonly role: string }): string {
  return role === "none"
    ? `User "${user}" may do nothing in database "${database}" any more.`
    : `User "${user}" is ${role === "owner" ? "an" : "a"} ${role} of database "${database}" now.`;
}
