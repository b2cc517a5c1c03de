/**
 * The systemd unit of the agent, as text. Pure. What it must hold: Postgres, router, guard, relay and etcd are the
 * agent's children and go on when it is stopped, restarted or killed, so systemd must end the agent's process alone.
 */
import { stoppedByRequest } from "../../config/service.ts";

export interface UnitOptions {
  readonly node: string;
  readonly agentScript: string;
  readonly home: string;
}

export function agentUnit({ node, agentScript, home }: UnitOptions): string {
  return `# Made by matriarch host init or join. Changes belong in a drop-in: systemctl edit <this unit>
[Unit]
Description=Matriarch agent (highly available Postgres) of ${unitText(home)}
Wants=network-online.target
After=network-online.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${[node, "--max-semi-space-size=1", agentScript, "--home", home].map(quoted).join(" ")}
WorkingDirectory=${unitText(home)}
Environment=${quoted(`MATRIARCH_HOME=${home}`)}
# Ends and restarts the agent alone: servers, router, guard, relay and etcd go on, and the next agent takes them over.
KillMode=process
TimeoutStopSec=20
Restart=always
RestartSec=1
# Not after matriarch agent stop.
Environment=${stoppedByRequest.variable}=${stoppedByRequest.code}
RestartPreventExitStatus=${stoppedByRequest.code}
SuccessExitStatus=${stoppedByRequest.code}
# One that the kernel ends for want of memory must not take the others with it.
OOMPolicy=continue
OOMScoreAdjust=-500
LimitNOFILE=262144
LimitCORE=0
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`;
}

/** Source: systemd.service(5), "Command lines"; systemd.unit(5), specifiers. */
function quoted(word: string): string {
  const text = unitText(word).replaceAll("$", "$$$$");
  return /^[\w/.:=,@%+-]+$/.test(text) ? text : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function unitText(text: string): string {
  return text.replaceAll("%", "%%");
}
