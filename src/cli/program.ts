/** The whole command line as one tree. Only declarations are loaded here; what a command does is loaded when it runs. */
import { Command } from "@commander-js/extra-typings";

import { settings, severalArgument, terminalColumns, type Run } from "./command.ts";
import { agentCommands } from "./commands/agent/group.ts";
import { attach } from "./commands/attach.ts";
import { autostop } from "./commands/autostop.ts";
import { auditCommand } from "./commands/audit.ts";
import { check } from "./commands/check.ts";
import { certificateCommands } from "./commands/certificate/group.ts";
import { completion } from "./commands/completion.ts";
import { configCommands } from "./commands/config/group.ts";
import { connect } from "./commands/connect.ts";
import { contextCommands } from "./commands/context/group.ts";
import { create } from "./commands/create.ts";
import { databaseCommands } from "./commands/database/group.ts";
import { destroy } from "./commands/destroy.ts";
import { detach } from "./commands/detach.ts";
import { events } from "./commands/events.ts";
import { explain } from "./commands/explain.ts";
import { extensionCommands } from "./commands/extension/group.ts";
import { failover } from "./commands/failover.ts";
import { help } from "./commands/help.ts";
import { fork } from "./commands/fork.ts";
import { hostCommands } from "./commands/host/group.ts";
import { importCommands } from "./commands/import/group.ts";
import { list } from "./commands/list.ts";
import { logs } from "./commands/logs.ts";
import { man } from "./commands/man.ts";
import { memberCommands } from "./commands/member/group.ts";
import { metrics } from "./commands/metrics.ts";
import { pause } from "./commands/pause.ts";
import { drainCommands } from "./commands/drain/group.ts";
import { poolCommands } from "./commands/pool/group.ts";
import { restart } from "./commands/restart.ts";
import { reads } from "./commands/reads.ts";
import { resume } from "./commands/resume.ts";
import { scale } from "./commands/scale.ts";
import { restore } from "./commands/restore.ts";
import { restorePointCommands } from "./commands/restore-point/group.ts";
import { backupCommands } from "./commands/backup/group.ts";
import { snapshotCommands } from "./commands/snapshot/group.ts";
import { start } from "./commands/start.ts";
import { status } from "./commands/status.ts";
import { stop } from "./commands/stop.ts";
import { switchover } from "./commands/switchover.ts";
import { tokenCommands } from "./commands/token/group.ts";
import { tunnel } from "./commands/tunnel.ts";
import { upgrade } from "./commands/upgrade.ts";
import { uri } from "./commands/uri.ts";
import { userCommands } from "./commands/user/group.ts";
import { versionCommand } from "./commands/version.ts";
import { topics } from "./manual/topics.ts";
import { foldText } from "./output/help.ts";
import { volumeCommands } from "./commands/volume/group.ts";

export function createProgram(run: Run) {
  const program = new Command("matriarch")
    .description("Highly available Postgres on machines that you own.")
    .copyInheritedSettings(settings)
    .option("--json", "one JSON document on stdout")
    .option("--yes", "answer yes to every question")
    .option("--no-color", "no colours; NO_COLOR does the same")
    .option(
      "--host <url>",
      "agent on another machine, https://10.0.0.1:7400; again, or with commas: the first that answers",
      severalArgument,
    )
    .option("--context <name>", 'installation to talk to, see "matriarch context"; "local" is this machine')
    .usage("<command> [options]")
    .helpCommand(false)
    .addHelpText("after", () =>
      foldText(
        `\nTopics: ${topics.map(({ name }) => name).join(", ")}.\n\n"matriarch help SUBJECT" tells more of a command or a topic.`,
        terminalColumns(),
      ),
    );
  program.commandsGroup("Clusters:");
  for (const make of [create, fork, restore, list, status, explain, check, metrics, events, logs, destroy])
    program.addCommand(make(run));
  program.commandsGroup("Connecting:");
  for (const make of [uri, connect, tunnel, attach, detach]) program.addCommand(make(run));
  program.commandsGroup("Changing:");
  for (const make of [switchover, failover, restart, upgrade, stop, start, pause, resume, scale, autostop, reads])
    program.addCommand(make(run));
  for (const make of [
    memberCommands,
    configCommands,
    poolCommands,
    databaseCommands,
    userCommands,
    volumeCommands,
    snapshotCommands,
    restorePointCommands,
    backupCommands,
    extensionCommands,
    importCommands,
  ])
    program.addCommand(make(run));
  program.commandsGroup("Matriarch:");
  for (const make of [
    hostCommands,
    agentCommands,
    contextCommands,
    tokenCommands,
    drainCommands,
    certificateCommands,
    auditCommand,
    completion,
    man,
    help,
    versionCommand,
  ])
    program.addCommand(make(run));
  return program;
}
