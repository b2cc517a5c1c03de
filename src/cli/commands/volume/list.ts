/** `matriarch volume list`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";

export const volumeList = (run: Run) =>
  command("list", "List the members' volumes: size, used, room, log, growth a day.", [
    ["matriarch volume list shop", "all of them"],
    ["matriarch volume list shop --json", "in bytes, for a program"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const { renderVolumes } = await import("../../output/volumes.ts");
        const found = await (await context.client()).volumes(cluster);
        return { json: found, text: (paint) => renderVolumes(found, paint) };
      }),
    );
