/** `matriarch agent stop`: its declaration, and what it does when it runs. */
import { command, type Run } from "../../command.ts";

export const agentStop = (run: Run) =>
  command("stop", "Stop the agent. Servers and open sessions go on, but nothing fails over until it is back.", [
    ["matriarch agent stop", "for an upgrade; the next command starts it again"],
    ["matriarch agent stop --servers", "everything, for example before a shutdown"],
  ])
    .option("--servers", "stop all servers and the router as well")
    .action(({ servers }) =>
      run(async (context) => {
        const client = await context.runningClient();
        if (client === undefined) return { json: { stopped: false }, text: () => "The agent was not running." };
        const { pid } = await client.agent();
        await client.stopAgent(servers === true);
        if (await context.remote()) return { json: { stopped: true, pid }, text: () => "The agent was told to stop." };
        const { waitForEnd } = await import("../../wait-for-end.ts");
        await waitForEnd(pid);
        return { json: { stopped: true, pid }, text: () => `The agent (process ${pid}) has stopped.` };
      }),
    );
