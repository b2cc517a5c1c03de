/** `matriarch host drain`: its declaration, and what it does when it runs. */
import { hostArgument } from "../../arguments.ts";
import { command, type Run } from "../../command.ts";
import { follow } from "../../follow.ts";
import { renderDrained } from "../../output/hosts.ts";

export const hostDrain = (run: Run) =>
  command("drain", "Move primaries away from a host by switchover, and its members to hosts with room.", [
    ["matriarch host drain db-1", "before work on the machine"],
    ["matriarch host drain db-1 --json", "what was moved where, for a program"],
  ])
    .addArgument(hostArgument())
    .action((host) =>
      run(async (context) => {
        const ended = await follow(context, await (await context.client()).drainHost(host));
        return { json: ended, text: (paint) => renderDrained(host, ended, paint) };
      }),
    );
