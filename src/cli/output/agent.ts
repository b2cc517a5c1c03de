/** The agent in a few lines. */
import type { AgentStatus } from "../../contract/cluster.ts";

export function renderAgent(agent: AgentStatus): string {
  return [
    `The agent runs as process ${agent.pid}, version ${agent.version}, since ${agent.started_at}.`,
    `home      ${agent.home}`,
    `socket    ${agent.socket}`,
    `router    ${agent.router_pid === null ? "not running" : `process ${agent.router_pid}`}`,
    `clusters  ${agent.clusters}`,
  ].join("\n");
}
