/** `matriarch scale`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../arguments.ts";
import { command, countArgument, sizeArgument, type Run } from "../command.ts";

const notes = `
Memory and cpus are of each member. What Matriarch computes from them (shared_buffers, work_mem, max_connections and others)
changes on every member and for those that come later; settings that you made yourself stay. Where the host allows it,
each member's server is kept to what was given; "matriarch status" says whether it is.`;

export const scale = (run: Run) =>
  command("scale", "Change the number of members, and the memory and cpus that each of them gets.", [
    ["matriarch scale shop --members 5", "more standbys; the primary is never taken away"],
    ["matriarch scale shop --memory 2GB --cpus 2 --dry-run", "what would change, and what needs a restart"],
    ["matriarch scale shop --memory 2GB --restart", "with the rolling restart that it needs"],
  ])
    .addArgument(clusterArgument())
    .option("--members <count>", "how many members, 1 to 16", countArgument(1, 16))
    .option("--memory <size>", "memory of each member, for example 2GB", sizeArgument)
    .option("--cpus <count>", "processors of each member, 1 to 256", countArgument(1, 256))
    .option("--limit", "keep servers to the memory and cpus that they have now, also when you did not choose them")
    .option("--no-limit", "let servers take more: memory and cpus are for the tuning alone")
    .option("--dry-run", "show what would change and restart, and change nothing")
    .option("--restart", "restart where the change needs it; otherwise it asks, and a script leaves it pending")
    .option("--no-restart", "restart nothing: what needs it stays pending")
    .addHelpText("after", notes)
    .action((cluster, { members, memory, cpus, limit, dryRun, restart }) =>
      run(async (context) => {
        const { scaleCluster } = await import("../scale-cluster.ts");
        const request = {
          ...(members === undefined ? {} : { members }),
          ...(memory === undefined ? {} : { memory_bytes: memory }),
          ...(cpus === undefined ? {} : { cpus }),
          ...(limit === undefined ? {} : { limit }),
        };
        return scaleCluster(context, cluster, request, { dryRun, restart });
      }),
    );
