/** `matriarch agent run`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";

export const agentRun = (run: Run) =>
  command("run", "Run the agent in the foreground, for systemd and containers; Ctrl-C ends it, servers go on.", [
    ["matriarch agent run", "matriarch agent alone does the same"],
    ["MATRIARCH_HOME=/srv/matriarch matriarch agent run", "for another installation"],
  ]).action(() =>
    run(async (context) => {
      const { runAgentHere } = await import("../../client/start-agent.ts");
      await runAgentHere({ script: context.agentScript, home: context.home });
    }),
  );
