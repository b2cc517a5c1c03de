/** `matriarch user rotate`: its declaration, and what it does when it runs. */
import { Argument } from "@commander-js/extra-typings";

import { clusterArgument } from "../../arguments.ts";
import { command, graceArgument, type Run } from "../../command.ts";

const notes = `
Postgres keeps one password for each name. With --grace the new password comes with a second name, ada_rotated for ada,
which acts as ada from its first statement on; the next rotation with --grace goes back to ada. An attached application
is rotated with matriarch attach --rotate, which hands the new URI over, too.`;

export const userRotate = (run: Run) =>
  command("rotate", "Give a database user a new password and show it once.", [
    ["matriarch user rotate shop", "user postgres; the old password is refused from now on"],
    ["matriarch user rotate shop app --grace 24h --json", "another user; the old password stays good for a day"],
  ])
    .addArgument(clusterArgument())
    .addArgument(new Argument("[user]", "database user").default("postgres"))
    .option("--grace <duration>", "the old password stays good for so long, up to 31d (default: 0s)", graceArgument)
    .addHelpText("after", notes)
    .action((cluster, user, { grace = 0 }) =>
      run(async (context) => {
        const { renderCredentials } = await import("../../output/accounts.ts");
        const { connection, ...rotated } = await (await context.client()).rotatePassword(cluster, user, grace);
        return {
          json: { ...connection, ...rotated },
          text: () => renderCredentials({ connection, ...rotated }, cluster, user),
        };
      }),
    );
