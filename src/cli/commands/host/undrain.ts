/** `matriarch host undrain`: its declaration, and what it does when it runs. */
import { hostArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const hostUndrain = (run: Run) =>
  command("undrain", "Let a drained host take members again; ends a drain that is under way.", [
    ["matriarch host undrain db-1", "new members may be placed there"],
    ["matriarch host undrain db-1 --json", "the host for a program"],
  ])
    .addArgument(hostArgument())
    .action((host) =>
      run(async (context) => {
        const changed = await (await context.client()).undrainHost(host);
        return { json: changed, text: () => `Host "${host}" takes members again.` };
      }),
    );
