/** `matriarch agent status`: its declaration, and what it does when it runs. */
import { OpError } from "../../../errors/op-error.ts";
import { command, type Run } from "../../command.ts";
import { renderAgent } from "../../output/agent.ts";

export const agentStatus = (run: Run) =>
  command("status", "Show whether the agent runs, and where; never starts it. Exit code 1 when it does not run.", [
    ["matriarch agent status", "process, home, socket"],
    ["matriarch agent status --json", "the same for a program"],
  ]).action(() =>
    run(async (context) => {
      const client = await context.runningClient();
      if (client === undefined) {
        throw new OpError("agent-unreachable", {
          message: "the agent does not run",
          detail: `Its home is "${context.home}".`,
          hint: "Start it with: matriarch agent start",
        });
      }
      const agent = await client.agent();
      return { json: agent, text: (paint) => renderAgent(agent, paint) };
    }),
  );
