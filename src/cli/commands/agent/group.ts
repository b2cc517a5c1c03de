/** `matriarch agent …` */
import { command, type Run } from "../../command.ts";
import { agentRun } from "./run.ts";
import { agentStart } from "./start.ts";
import { agentStatus } from "./status.ts";
import { agentStop } from "./stop.ts";

export const agentCommands = (run: Run) =>
  command("agent", "The process that looks after this machine's clusters.", [])
    .addCommand(agentRun(run), { isDefault: true })
    .addCommand(agentStart(run))
    .addCommand(agentStop(run))
    .addCommand(agentStatus(run));
