/** `matriarch agent start`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";
import { renderAgent } from "../../output/agent.ts";

export const agentStart = (run: Run) =>
  command("start", "Start the agent; every command that needs it does the same.", [
    ["matriarch agent start", "if none runs"],
    ["MATRIARCH_HOME=/srv/matriarch matriarch agent start", "for another installation"],
  ]).action(() =>
    run(async (context) => {
      const agent = await (await context.client()).agent();
      return { json: agent, text: (paint) => renderAgent(agent, paint) };
    }),
  );
