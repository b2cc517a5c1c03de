/** `matriarch member list`: its declaration, and what it does when it runs. */
import { clusterArgument } from "../../arguments.ts";
import { command, terminalColumns, type Run } from "../../command.ts";
import { renderMemberList } from "../../output/status.ts";

export const memberList = (run: Run) =>
  command("list", "List the members of a cluster.", [
    ["matriarch member list shop", "roles, states, positions"],
    ["matriarch member list shop --json", "with directories, process ids and what each uses"],
  ])
    .addArgument(clusterArgument())
    .action((cluster) =>
      run(async (context) => {
        const { members } = await (await context.client()).status(cluster);
        return { json: members, text: (paint) => renderMemberList(members, paint, terminalColumns()) };
      }),
    );
