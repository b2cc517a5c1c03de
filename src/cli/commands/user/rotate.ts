/** `matriarch user rotate`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";
import { connectLines } from "../../output/create.ts";

export const userRotate = (run: Run) =>
  command("rotate", "Give a database user a new password and show it once.", [
    ["matriarch user rotate shop", "user postgres"],
    ["matriarch user rotate shop app --json", "another user, for a program"],
  ])
    .addArgument(clusterArgument())
    .addArgument(new Argument("[user]", "database user").default("postgres"))
    .action((cluster, user) =>
      run(async (context) => {
        const connection = await (await context.client()).rotatePassword(cluster, user);
        return { json: connection, text: () => connectLines(connection, cluster) };
      }),
    );
