/** `matriarch backup key`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const backupKey = (run: Run) =>
  command("key", "Show the keys of repositories that were enabled with --escrow.", [
    ["matriarch backup key shop", "to keep them elsewhere as well"],
    ["matriarch backup key shop --json", "for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const { keys } = await (await context.client()).backupKeys(cluster);
        return { json: keys, text: () => keys.map(({ number, key }) => `repository ${number}: ${key}`).join("\n") };
      }),
    );
