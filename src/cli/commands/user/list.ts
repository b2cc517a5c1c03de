/** `matriarch user list`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const userList = (run: Run) =>
  command("list", "List the users: roles, names to log in with, open sessions, what they are attached for.", [
    ["matriarch user list shop", "all of them"],
    ["matriarch user list shop --json", "the same for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const { renderUsers } = await import("../../output/accounts.ts");
        const users = await (await context.client()).users(cluster);
        return { json: users, text: (paint) => renderUsers(users, paint) };
      }),
    );
